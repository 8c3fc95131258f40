//! The part of the Federation specification that a subgraph's schema may import.
//!
//! <https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives>

/// Address of the specification without its version.
pub(crate) const IDENTITY: &str = "https://specs.apollo.dev/federation/";

/// The version that every subgraph links to: the first with `@cost` and `@listSize`.
pub(crate) const VERSION: &str = "v2.9";

/// Directives of that version, in the order in which they are imported.
pub(crate) const DIRECTIVES: [&str; 18] = [
    "key",
    "requires",
    "provides",
    "external",
    "shareable",
    "override",
    "inaccessible",
    "tag",
    "interfaceObject",
    "extends",
    "authenticated",
    "requiresScopes",
    "policy",
    "context",
    "fromContext",
    "cost",
    "listSize",
    "composeDirective",
];

/// Directives of GraphQL itself: they need neither import nor definition.
pub(crate) const BUILT_IN: [&str; 5] = ["deprecated", "include", "oneOf", "skip", "specifiedBy"];

/// Directives that say who may read something.
pub(crate) const AUTHORIZATION: [&str; 3] = ["authenticated", "requiresScopes", "policy"];
