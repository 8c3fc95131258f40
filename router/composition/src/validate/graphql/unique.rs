//! Nothing may be defined twice.

use std::collections::HashSet;

use crate::report::Report;
use crate::subgraph::Subgraph;
use crate::syntax::{DirectiveDefinition, InputValue, Name, Operation, TypeDefinition};

use super::invalid;

/// Reports everything that is there twice.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    let document = subgraph.document;
    let mut again = |name: Name<'_>, message: String| invalid(subgraph, name.pos, message, report);

    let mut types = HashSet::new();
    for ty in document.types.iter().filter(|ty| !ty.extend) {
        if !types.insert(ty.name.text) {
            let message = format!("There can be only one type named \"{}\".", ty.name.text);
            again(ty.name, message);
        }
    }
    let mut directives = HashSet::new();
    for directive in &document.directives {
        if !directives.insert(directive.name.text) {
            let message = format!(
                "There can be only one directive named \"@{}\".",
                directive.name.text
            );
            again(directive.name, message);
        }
        directive_arguments(directive, &mut again);
    }
    let mut members = HashSet::new();
    for ty in &document.types {
        type_members(ty, &mut members, &mut again);
    }
    schemas(subgraph, report);
}

fn directive_arguments(
    directive: &DirectiveDefinition<'_>,
    again: &mut impl FnMut(Name<'_>, String),
) {
    let parent = format!("@{}", directive.name.text);
    arguments(&parent, &directive.arguments, again);
}

fn arguments(parent: &str, arguments: &[InputValue<'_>], again: &mut impl FnMut(Name<'_>, String)) {
    let mut seen = HashSet::new();
    for argument in arguments {
        if !seen.insert(argument.name.text) {
            let message = format!(
                "Argument \"{parent}({}:)\" can only be defined once.",
                argument.name.text
            );
            again(argument.name, message);
        }
    }
}

fn type_members<'a>(
    ty: &TypeDefinition<'a>,
    seen: &mut HashSet<(&'a str, &'a str)>,
    again: &mut impl FnMut(Name<'_>, String),
) {
    let fields = ty.fields.iter().map(|field| field.name);
    let inputs = ty.inputs.iter().map(|input| input.name);
    for (what, name) in fields
        .chain(inputs)
        .map(|name| ("Field", name))
        .chain(ty.values.iter().map(|value| ("Enum value", value.name)))
    {
        if !seen.insert((ty.name.text, name.text)) {
            let message = format!(
                "{what} \"{}.{}\" can only be defined once.",
                ty.name.text, name.text
            );
            again(name, message);
        }
    }
    for field in ty.fields.iter().filter(|field| field.arguments.len() > 1) {
        let parent = format!("{}.{}", ty.name.text, field.name.text);
        arguments(&parent, &field.arguments, again);
    }
}

fn schemas(subgraph: &Subgraph<'_>, report: &mut Report) {
    let document = subgraph.document;
    for schema in document.schemas.iter().filter(|s| !s.extend).skip(1) {
        let message = "Must provide only one schema definition.";
        invalid(subgraph, schema.pos, message, report);
    }
    let mut operations: HashSet<Operation> = HashSet::new();
    for (operation, name) in document.schemas.iter().flat_map(|s| &s.operations) {
        if !operations.insert(*operation) {
            let message = format!(
                "There can be only one {} type in schema.",
                operation.keyword()
            );
            invalid(subgraph, name.pos, message, report);
        }
    }
}
