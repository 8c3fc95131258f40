//! Schema directives that async-graphql has no attribute for, declared by name so that they reach
//! the exported schema; `atelier schema` turns them into imports of the federation specification.
//!
//! Use: `#[graphql(directive = kit::graphql::directive::authenticated::apply())]`.
#![expect(
    missing_docs,
    reason = "the macro makes items named after the directives"
)]

use async_graphql::TypeDirective;

/// Only for callers who are signed in.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Interface",
    location = "Enum"
)]
pub fn authenticated() {}

/// Only for callers who satisfy one of the lists of policies.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Interface",
    location = "Enum"
)]
pub fn policy(policies: Vec<Vec<String>>) {}

/// What a field costs.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Enum",
    location = "ArgumentDefinition",
    location = "InputFieldDefinition"
)]
pub fn cost(weight: i32) {}

/// How long a list gets: what it counts as without paging arguments, and which arguments bound it.
#[TypeDirective(name = "listSize", location = "FieldDefinition")]
pub fn list_size(
    assumed_size: Option<i32>,
    slicing_arguments: Option<Vec<String>>,
    sized_fields: Option<Vec<String>>,
    require_one_slicing_argument: Option<bool>,
) {
}

/// A subscription that a router may continue after a lost connection: it passes the last event's
/// `cursor` field as the argument `arg`.
#[TypeDirective(
    location = "FieldDefinition",
    composable = "https://specs.atelier.dev/resumable/v0.1"
)]
pub fn resumable(arg: String, cursor: String) {}
