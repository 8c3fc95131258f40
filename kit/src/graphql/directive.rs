//! Schema directives that async-graphql has no attributes for. They are declared by name, so that
//! they reach the exported schema; `atelier schema` turns them into imports from the federation
//! specification.
//!
//! Use: `#[graphql(directive = kit::graphql::directive::authenticated::apply())]`.
#![expect(
    missing_docs,
    reason = "the macro makes items named after the directives"
)]

use async_graphql::TypeDirective;

/// Requires the caller to be signed in.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Interface",
    location = "Enum"
)]
pub fn authenticated() {}

/// Requires the caller to satisfy every policy of one of the lists.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Interface",
    location = "Enum"
)]
pub fn policy(policies: Vec<Vec<String>>) {}

/// The cost of a field.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "Enum",
    location = "ArgumentDefinition",
    location = "InputFieldDefinition"
)]
pub fn cost(weight: i32) {}

/// The size of a list, for the calculation of costs: the assumed size, and the arguments that bound
/// it.
#[TypeDirective(name = "listSize", location = "FieldDefinition")]
pub fn list_size(
    assumed_size: Option<i32>,
    slicing_arguments: Option<Vec<String>>,
    sized_fields: Option<Vec<String>>,
    require_one_slicing_argument: Option<bool>,
) {
}

/// Marks a subscription that a router can resume after a lost connection. `cursor` names the field
/// of an event whose value is passed as the argument named by `arg`, to continue after that event.
#[TypeDirective(
    location = "FieldDefinition",
    composable = "https://specs.atelier.dev/resumable/v0.1"
)]
pub fn resumable(arg: String, cursor: String) {}
