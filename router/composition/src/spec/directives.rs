//! The federation directives, the version each came with, and its shape.

/// A version of the Federation specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// No `@link` to the specification.
    One,
    /// `v2.x`.
    Two(u8),
}

impl Version {
    /// The newest minor version whose directives are known.
    pub(crate) const NEWEST_MINOR: u8 = 12;

    /// `v2.3`; nothing for a version that does not exist.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "v1.0" {
            return Some(Self::One);
        }
        let minor = text.strip_prefix("v2.")?.parse().ok()?;
        (minor <= Self::NEWEST_MINOR).then_some(Self::Two(minor))
    }

    /// Whether it is Federation 2, of any minor version.
    pub(crate) fn is_two(self) -> bool {
        self != Self::One
    }
}

/// A directive of the Federation specification, whatever it is called locally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fed {
    Key,
    Requires,
    Provides,
    External,
    Shareable,
    Extends,
    Override,
    Inaccessible,
    Tag,
    InterfaceObject,
    ComposeDirective,
    Authenticated,
    RequiresScopes,
    Policy,
    Cost,
    ListSize,
    Context,
    FromContext,
}

/// An argument of a federation directive: name, type, default.
pub(crate) type Argument = (&'static str, &'static str, Option<bool>);

const FIELD: &[&str] = &["FIELD_DEFINITION"];
const OBJECT_OR_INTERFACE: &[&str] = &["OBJECT", "INTERFACE"];
const OBJECT_OR_FIELD: &[&str] = &["OBJECT", "FIELD_DEFINITION"];
const AUTH: &[&str] = &["FIELD_DEFINITION", "OBJECT", "INTERFACE", "SCALAR", "ENUM"];
const EVERYWHERE: &[&str] = &[
    "FIELD_DEFINITION",
    "OBJECT",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "SCALAR",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
];
const COST: &[&str] = &[
    "ARGUMENT_DEFINITION",
    "ENUM",
    "FIELD_DEFINITION",
    "INPUT_FIELD_DEFINITION",
    "OBJECT",
    "SCALAR",
];

impl Fed {
    pub(crate) const ALL: [Self; 18] = [
        Self::Key,
        Self::Requires,
        Self::Provides,
        Self::External,
        Self::Shareable,
        Self::Extends,
        Self::Override,
        Self::Inaccessible,
        Self::Tag,
        Self::InterfaceObject,
        Self::ComposeDirective,
        Self::Authenticated,
        Self::RequiresScopes,
        Self::Policy,
        Self::Cost,
        Self::ListSize,
        Self::Context,
        Self::FromContext,
    ];

    /// The name in the specification, without `@`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Requires => "requires",
            Self::Provides => "provides",
            Self::External => "external",
            Self::Shareable => "shareable",
            Self::Extends => "extends",
            Self::Override => "override",
            Self::Inaccessible => "inaccessible",
            Self::Tag => "tag",
            Self::InterfaceObject => "interfaceObject",
            Self::ComposeDirective => "composeDirective",
            Self::Authenticated => "authenticated",
            Self::RequiresScopes => "requiresScopes",
            Self::Policy => "policy",
            Self::Cost => "cost",
            Self::ListSize => "listSize",
            Self::Context => "context",
            Self::FromContext => "fromContext",
        }
    }

    /// By the specification's name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fed| fed.name() == name)
    }

    /// Whether the version of the specification has it. Federation 1 knew the
    /// first; `@override`, `@tag` and `@inaccessible` are taken there too.
    pub(crate) fn is_in(self, version: Version) -> bool {
        let Version::Two(minor) = version else {
            return matches!(
                self,
                Self::Key
                    | Self::Requires
                    | Self::Provides
                    | Self::External
                    | Self::Extends
                    | Self::Override
                    | Self::Tag
                    | Self::Inaccessible
            );
        };
        let since = match self {
            Self::ComposeDirective => 1,
            Self::InterfaceObject => 3,
            Self::Authenticated | Self::RequiresScopes => 5,
            Self::Policy => 6,
            Self::Cost | Self::ListSize | Self::Context | Self::FromContext => 8,
            _ => 0,
        };
        minor >= since
    }

    /// Whether it may be applied more than once at a place.
    pub(crate) fn repeatable(self, version: Version) -> bool {
        match self {
            Self::Key | Self::Tag | Self::ComposeDirective | Self::Context => true,
            Self::Shareable => version >= Version::Two(2),
            _ => false,
        }
    }

    /// Where it may be applied.
    pub(crate) fn locations(self) -> &'static [&'static str] {
        match self {
            Self::Key | Self::Extends => OBJECT_OR_INTERFACE,
            Self::Requires | Self::Provides | Self::Override | Self::ListSize => FIELD,
            Self::External | Self::Shareable => OBJECT_OR_FIELD,
            Self::Inaccessible | Self::Tag => EVERYWHERE,
            Self::InterfaceObject => &["OBJECT"],
            Self::ComposeDirective => &["SCHEMA"],
            Self::Authenticated | Self::RequiresScopes | Self::Policy => AUTH,
            Self::Cost => COST,
            Self::Context => &["INTERFACE", "OBJECT", "UNION"],
            Self::FromContext => &["ARGUMENT_DEFINITION"],
        }
    }

    /// Its arguments in the version; `FieldSet!` stands for the scalar of the
    /// version, whatever it is called.
    pub(crate) fn arguments(self, version: Version) -> &'static [Argument] {
        const FIELDS: &[Argument] = &[("fields", "FieldSet!", None)];
        match self {
            Self::Key => &[
                ("fields", "FieldSet!", None),
                ("resolvable", "Boolean", Some(true)),
            ],
            Self::Requires | Self::Provides => FIELDS,
            Self::Override if version >= Version::Two(7) => {
                &[("from", "String!", None), ("label", "String", None)]
            }
            Self::Override => &[("from", "String!", None)],
            Self::Tag | Self::ComposeDirective | Self::Context => &[("name", "String!", None)],
            Self::RequiresScopes => &[("scopes", "[[Scope!]!]!", None)],
            Self::Policy => &[("policies", "[[Policy!]!]!", None)],
            Self::Cost => &[("weight", "Int!", None)],
            Self::ListSize => &[
                ("assumedSize", "Int", None),
                ("slicingArguments", "[String!]", None),
                ("sizedFields", "[String!]", None),
                ("requireOneSlicingArgument", "Boolean", Some(true)),
            ],
            Self::FromContext => &[("field", "ContextFieldValue", None)],
            _ => &[],
        }
    }
}

/// Scalars of the specification, without their namespace.
pub(crate) const FEDERATION_TYPES: [&str; 4] = ["FieldSet", "Scope", "Policy", "ContextFieldValue"];

/// The scalars every GraphQL schema has.
pub(crate) const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// The directives every GraphQL schema has, with the places they may stand.
pub(crate) const BUILT_IN_DIRECTIVES: [(&str, &[&str]); 5] = [
    ("skip", &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"]),
    ("include", &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"]),
    (
        "deprecated",
        &[
            "FIELD_DEFINITION",
            "ARGUMENT_DEFINITION",
            "INPUT_FIELD_DEFINITION",
            "ENUM_VALUE",
        ],
    ),
    ("specifiedBy", &["SCALAR"]),
    ("oneOf", &["INPUT_OBJECT"]),
];
