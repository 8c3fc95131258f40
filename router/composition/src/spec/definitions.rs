//! The directive and type definitions a supergraph carries for its features.

use super::directives::Version;

/// The join specification's version for the newest Federation version in use.
pub(crate) fn join_version(newest: Version) -> &'static str {
    match newest {
        Version::Two(7) => "v0.4",
        Version::Two(minor) if minor >= 8 => "v0.5",
        _ => "v0.3",
    }
}

/// Definitions every supergraph has.
pub(crate) fn join_definitions(newest: Version) -> String {
    let label = if newest >= Version::Two(7) {
        ", overrideLabel: String"
    } else {
        ""
    };
    let context = newest >= Version::Two(8);
    let arguments = if context {
        ", contextArguments: [join__ContextArgument!]"
    } else {
        ""
    };
    let mut sdl = format!(
        "directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE

directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean{label}{arguments}) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION

directive @join__graph(name: String!, url: String!) on ENUM_VALUE

directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE

directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR

directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION

directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

scalar join__FieldSet

scalar link__Import

enum link__Purpose {{
  \"\"\"
  `SECURITY` features provide metadata necessary to securely resolve fields.
  \"\"\"
  SECURITY

  \"\"\"
  `EXECUTION` features provide metadata necessary for operation execution.
  \"\"\"
  EXECUTION
}}
"
    );
    if context {
        sdl.push_str(
            "
scalar join__FieldValue

input join__ContextArgument {
  name: String!
  type: String!
  context: String!
  selection: join__FieldValue!
}
",
        );
    }
    sdl
}

/// A feature whose directives stay in the supergraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Feature {
    Context,
    Tag,
    Cost,
    Inaccessible,
    Policy,
    RequiresScopes,
    Authenticated,
}

impl Feature {
    /// The URL of its specification.
    pub(crate) fn url(self) -> &'static str {
        match self {
            Self::Context => "https://specs.apollo.dev/context/v0.1",
            Self::Tag => "https://specs.apollo.dev/tag/v0.3",
            Self::Cost => "https://specs.apollo.dev/cost/v0.1",
            Self::Inaccessible => "https://specs.apollo.dev/inaccessible/v0.2",
            Self::Policy => "https://specs.apollo.dev/policy/v0.1",
            Self::RequiresScopes => "https://specs.apollo.dev/requiresScopes/v0.1",
            Self::Authenticated => "https://specs.apollo.dev/authenticated/v0.1",
        }
    }

    /// Whether a router that does not know the feature must refuse the schema.
    pub(crate) fn is_security(self) -> bool {
        !matches!(self, Self::Tag | Self::Cost)
    }

    /// Its definitions; those of `Cost` go by the names given.
    pub(crate) fn definitions(self, cost: &str, list_size: &str) -> String {
        const AUTH: &str = "FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM";
        match self {
            Self::Context => "directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION

directive @context__fromContext(field: context__ContextFieldValue) on ARGUMENT_DEFINITION

scalar context__ContextFieldValue
".to_owned(),
            Self::Tag => "directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA\n".to_owned(),
            Self::Inaccessible => "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION\n".to_owned(),
            Self::Cost => format!(
                "directive @{cost}(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR

directive @{list_size}(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
"
            ),
            Self::Policy => format!("directive @policy(policies: [[policy__Policy!]!]!) on {AUTH}\n\nscalar policy__Policy\n"),
            Self::RequiresScopes => format!("directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on {AUTH}\n\nscalar requiresScopes__Scope\n"),
            Self::Authenticated => format!("directive @authenticated on {AUTH}\n"),
        }
    }
}
