//! Errors and hints: a code, a message a person can act on, and where.

use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// What is wrong, named as in Federation's error reference.
        ///
        /// `Display` writes the reference's spelling (`KEY_INVALID_FIELDS`).
        /// `docs/COMPOSITION.md` shows an example of each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $variant,)+ }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling of Federation's error reference.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

error_codes! {
    /// `@authenticated`, `@requiresScopes` or `@policy` on an interface, its field or an interface object.
    AuthRequirementsAppliedOnInterface = "AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE",
    /// A `@context` name that is not made of letters and digits.
    ContextNameInvalid = "CONTEXT_NAME_INVALID",
    /// `@fromContext` names a context nobody sets.
    ContextNotSet = "CONTEXT_NOT_SET",
    /// `@fromContext` without a context in its `field`.
    NoContextInSelection = "NO_CONTEXT_IN_SELECTION",
    /// `@fromContext` whose selection does not fit the types that set the context.
    ContextInvalidSelection = "CONTEXT_INVALID_SELECTION",
    /// `@fromContext` without a selection.
    ContextNoSelection = "CONTEXT_NO_SELECTION",
    /// The argument is contextual in one subgraph and required in another.
    ContextualArgumentNotContextualInAllSubgraphs = "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
    /// `@cost` on an interface field.
    CostAppliedToInterfaceField = "COST_APPLIED_TO_INTERFACE_FIELD",
    /// A default value uses an inaccessible input field or enum value.
    DefaultValueUsesInaccessible = "DEFAULT_VALUE_USES_INACCESSIBLE",
    /// `@composeDirective` that cannot be followed, or whose versions disagree.
    DirectiveCompositionError = "DIRECTIVE_COMPOSITION_ERROR",
    /// A definition of a federation directive that contradicts the specification.
    DirectiveDefinitionInvalid = "DIRECTIVE_DEFINITION_INVALID",
    /// An input type whose subgraphs share no field.
    EmptyMergedInputType = "EMPTY_MERGED_INPUT_TYPE",
    /// An enum used as input whose subgraphs share no value.
    EmptyMergedEnumType = "EMPTY_MERGED_ENUM_TYPE",
    /// An enum used as input and output with different values.
    EnumValueMismatch = "ENUM_VALUE_MISMATCH",
    /// A type is only ever extended, never defined.
    ExtensionWithNoBase = "EXTENSION_WITH_NO_BASE",
    /// An `@external` field lacks an argument of the field itself.
    ExternalArgumentMissing = "EXTERNAL_ARGUMENT_MISSING",
    /// An `@external` field that no other subgraph resolves.
    ExternalMissingOnBase = "EXTERNAL_MISSING_ON_BASE",
    /// `@external` on a field of an interface.
    ExternalOnInterface = "EXTERNAL_ON_INTERFACE",
    /// An `@external` field has another type than the field itself.
    ExternalTypeMismatch = "EXTERNAL_TYPE_MISMATCH",
    /// An `@external` field that nothing refers to.
    ExternalUnused = "EXTERNAL_UNUSED",
    /// An argument has different defaults.
    FieldArgumentDefaultMismatch = "FIELD_ARGUMENT_DEFAULT_MISMATCH",
    /// An argument has types that cannot be merged.
    FieldArgumentTypeMismatch = "FIELD_ARGUMENT_TYPE_MISMATCH",
    /// A field has types that cannot be merged.
    FieldTypeMismatch = "FIELD_TYPE_MISMATCH",
    /// An inaccessible field that an accessible interface needs.
    ImplementedByInaccessible = "IMPLEMENTED_BY_INACCESSIBLE",
    /// An input field has different defaults.
    InputFieldDefaultMismatch = "INPUT_FIELD_DEFAULT_MISMATCH",
    /// An implementing type lacks a field of its interface.
    InterfaceFieldNoImplem = "INTERFACE_FIELD_NO_IMPLEM",
    /// A subgraph with an entity interface does not know all its types.
    InterfaceKeyMissingImplementationType = "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
    /// An implementing type lacks the key of its interface.
    InterfaceKeyNotOnImplementation = "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
    /// `@interfaceObject` used where it has no meaning.
    InterfaceObjectUsageError = "INTERFACE_OBJECT_USAGE_ERROR",
    /// A field resolved by several subgraphs that is not `@shareable` in all.
    InvalidFieldSharing = "INVALID_FIELD_SHARING",
    /// Not a valid GraphQL schema.
    InvalidGraphql = "INVALID_GRAPHQL",
    /// A `@link` that is not used as it should be.
    InvalidLinkDirectiveUsage = "INVALID_LINK_DIRECTIVE_USAGE",
    /// A `@link` URL that names no feature or version.
    InvalidLinkIdentifier = "INVALID_LINK_IDENTIFIER",
    /// `@shareable` where it has no meaning.
    InvalidShareableUsage = "INVALID_SHAREABLE_USAGE",
    /// A subgraph name that cannot be used.
    InvalidSubgraphName = "INVALID_SUBGRAPH_NAME",
    /// A directive inside `@key(fields:)`.
    KeyDirectiveInFieldsArg = "KEY_DIRECTIVE_IN_FIELDS_ARG",
    /// A field with arguments inside `@key(fields:)`.
    KeyFieldsHasArgs = "KEY_FIELDS_HAS_ARGS",
    /// A key field of interface or union type.
    KeyFieldsSelectInvalidType = "KEY_FIELDS_SELECT_INVALID_TYPE",
    /// `@key(fields:)` does not select what the type has.
    KeyInvalidFields = "KEY_INVALID_FIELDS",
    /// `@key(fields:)` is not a string.
    KeyInvalidFieldsType = "KEY_INVALID_FIELDS_TYPE",
    /// `@key` on an interface before Federation 2.3.
    KeyUnsupportedOnInterface = "KEY_UNSUPPORTED_ON_INTERFACE",
    /// One feature linked with different versions or names.
    LinkImportNameMismatch = "LINK_IMPORT_NAME_MISMATCH",
    /// `@listSize` on a field that is no list.
    ListSizeAppliedToNonList = "LIST_SIZE_APPLIED_TO_NON_LIST",
    /// `@listSize(assumedSize:)` below zero.
    ListSizeInvalidAssumedSize = "LIST_SIZE_INVALID_ASSUMED_SIZE",
    /// `@listSize(sizedFields:)` names what is no list field of the type.
    ListSizeInvalidSizedField = "LIST_SIZE_INVALID_SIZED_FIELD",
    /// `@listSize(slicingArguments:)` names what is no integer argument.
    ListSizeInvalidSlicingArgument = "LIST_SIZE_INVALID_SLICING_ARGUMENT",
    /// A directive on an `@external` field, where it would be lost.
    MergedDirectiveApplicationOnExternal = "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
    /// `@requires` or `@fromContext` reaches protected data without asking for the same.
    MissingTransitiveAuthRequirements = "MISSING_TRANSITIVE_AUTH_REQUIREMENTS",
    /// No subgraph has a query.
    NoQueries = "NO_QUERIES",
    /// A type whose every member is inaccessible.
    OnlyInaccessibleChildren = "ONLY_INACCESSIBLE_CHILDREN",
    /// `@override` together with a directive that contradicts it.
    OverrideCollisionWithAnotherDirective = "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
    /// `@override(from:)` names its own subgraph.
    OverrideFromSelfError = "OVERRIDE_FROM_SELF_ERROR",
    /// `@override(label:)` that is neither a name nor a percentage.
    OverrideLabelInvalid = "OVERRIDE_LABEL_INVALID",
    /// `@override` on a field of an interface.
    OverrideOnInterface = "OVERRIDE_ON_INTERFACE",
    /// Two subgraphs override each other's field.
    OverrideSourceHasOverride = "OVERRIDE_SOURCE_HAS_OVERRIDE",
    /// A directive inside `@provides(fields:)`.
    ProvidesDirectiveInFieldsArg = "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
    /// A field with arguments inside `@provides(fields:)`.
    ProvidesFieldsHasArgs = "PROVIDES_FIELDS_HAS_ARGS",
    /// `@provides(fields:)` names a field that is not `@external`.
    ProvidesFieldsMissingExternal = "PROVIDES_FIELDS_MISSING_EXTERNAL",
    /// `@provides(fields:)` does not select what the type has.
    ProvidesInvalidFields = "PROVIDES_INVALID_FIELDS",
    /// `@provides(fields:)` is not a string.
    ProvidesInvalidFieldsType = "PROVIDES_INVALID_FIELDS_TYPE",
    /// `@provides` on a field that returns no object.
    ProvidesOnNonObjectField = "PROVIDES_ON_NON_OBJECT_FIELD",
    /// `@provides` on a field of an interface.
    ProvidesUnsupportedOnInterface = "PROVIDES_UNSUPPORTED_ON_INTERFACE",
    /// The query type is inaccessible.
    QueryRootTypeInaccessible = "QUERY_ROOT_TYPE_INACCESSIBLE",
    /// An accessible element refers to an inaccessible type.
    ReferencedInaccessible = "REFERENCED_INACCESSIBLE",
    /// A required argument or input field is inaccessible.
    RequiredInaccessible = "REQUIRED_INACCESSIBLE",
    /// An argument is required here and absent there.
    RequiredArgumentMissingInSomeSubgraph = "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
    /// An input field is required here and absent there.
    RequiredInputFieldMissingInSomeSubgraph = "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
    /// A directive inside `@requires(fields:)`.
    RequiresDirectiveInFieldsArg = "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
    /// A field of `@requires(fields:)` is not `@external`.
    RequiresFieldsMissingExternal = "REQUIRES_FIELDS_MISSING_EXTERNAL",
    /// `@requires(fields:)` does not select what the type has.
    RequiresInvalidFields = "REQUIRES_INVALID_FIELDS",
    /// `@requires(fields:)` is not a string.
    RequiresInvalidFieldsType = "REQUIRES_INVALID_FIELDS_TYPE",
    /// `@requires` on a field of an interface.
    RequiresUnsupportedOnInterface = "REQUIRES_UNSUPPORTED_ON_INTERFACE",
    /// A type named `Mutation` that is not the mutation type.
    RootMutationUsed = "ROOT_MUTATION_USED",
    /// A type named `Query` that is not the query type.
    RootQueryUsed = "ROOT_QUERY_USED",
    /// A type named `Subscription` that is not the subscription type.
    RootSubscriptionUsed = "ROOT_SUBSCRIPTION_USED",
    /// A query that the API promises and the subgraphs cannot answer.
    SatisfiabilityError = "SATISFIABILITY_ERROR",
    /// A shared field whose subgraphs return no runtime type in common.
    ShareableHasMismatchedRuntimeTypes = "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES",
    /// A redefinition of a federation type that contradicts the specification.
    TypeDefinitionInvalid = "TYPE_DEFINITION_INVALID",
    /// One name, different kinds of type.
    TypeKindMismatch = "TYPE_KIND_MISMATCH",
    /// A Federation version that is not known.
    UnknownFederationLinkVersion = "UNKNOWN_FEDERATION_LINK_VERSION",
    /// A version of a linked feature that is not known.
    UnknownLinkVersion = "UNKNOWN_LINK_VERSION",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a subgraph's SDL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubgraphLocation {
    /// The subgraph's name.
    pub subgraph: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for SubgraphLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.subgraph, self.line, self.column)
    }
}

/// One reason why the subgraphs do not compose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionError {
    /// The code of Federation's error reference.
    pub code: ErrorCode,
    /// What is wrong and what to change.
    pub message: String,
    /// Where; empty when no place in any SDL is to blame.
    pub locations: Vec<SubgraphLocation>,
}

impl fmt::Display for CompositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        for location in &self.locations {
            write!(f, "\n  at {location}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CompositionError {}

/// Every reason found why the subgraphs do not compose; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositionErrors(pub Vec<CompositionError>);

impl fmt::Display for CompositionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for CompositionErrors {}

/// A composition that is valid but not consistent: worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The code of Federation's hint reference.
    pub code: HintCode,
    /// What differs between which subgraphs.
    pub message: String,
    /// The schema coordinate concerned, as `Type.field`.
    pub coordinate: String,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

macro_rules! hint_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// What is inconsistent, named as in Federation's hint reference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum HintCode { $($(#[$doc])* $variant,)+ }

        impl HintCode {
            /// The spelling of Federation's hint reference.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

hint_codes! {
    /// An argument's types differ but merge.
    InconsistentButCompatibleArgumentType = "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE",
    /// A field's types differ but merge.
    InconsistentButCompatibleFieldType = "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE",
    /// An optional argument is not in every subgraph and is left out.
    InconsistentArgumentPresence = "INCONSISTENT_ARGUMENT_PRESENCE",
    /// Descriptions differ; the most frequent is kept.
    InconsistentDescription = "INCONSISTENT_DESCRIPTION",
    /// A type is an entity in one subgraph and none in another.
    InconsistentEntity = "INCONSISTENT_ENTITY",
    /// An enum used as input only is cut to the shared values.
    InconsistentEnumValueForInputEnum = "INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM",
    /// An enum used as output only has values some subgraphs lack.
    InconsistentEnumValueForOutputEnum = "INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM",
    /// An input field some subgraphs lack is left out.
    InconsistentInputObjectField = "INCONSISTENT_INPUT_OBJECT_FIELD",
    /// An interface's field is not in every subgraph.
    InconsistentInterfaceValueTypeField = "INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD",
    /// A shared object's field is not in every subgraph.
    InconsistentObjectValueTypeField = "INCONSISTENT_OBJECT_VALUE_TYPE_FIELD",
    /// A union's member is not in every subgraph.
    InconsistentUnionMember = "INCONSISTENT_UNION_MEMBER",
    /// `@override(from:)` names a subgraph that is not there.
    FromSubgraphDoesNotExist = "FROM_SUBGRAPH_DOES_NOT_EXIST",
    /// The field that an `@override` replaced is still in its old subgraph.
    OverriddenFieldCanBeRemoved = "OVERRIDDEN_FIELD_CAN_BE_REMOVED",
    /// Satisfiability was not checked to the end, for the schema is too entangled.
    SatisfiabilityCheckIncomplete = "SATISFIABILITY_CHECK_INCOMPLETE",
    /// The field that an `@override` replaces is already gone.
    OverrideDirectiveCanBeRemoved = "OVERRIDE_DIRECTIVE_CAN_BE_REMOVED",
}

impl fmt::Display for HintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
