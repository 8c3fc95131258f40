//! Types exist, have members, and stand where their kind may.

use std::collections::HashSet;

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::directives::BUILT_IN_SCALARS;
use crate::subgraph::{Input, Subgraph, Type};
use crate::syntax::print::print_value;
use crate::syntax::{Operation, Pos, TypeKind, TypeRef};

use super::invalid;
use super::values::{Strings, fits};

/// Checks every type and the roots.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    roots(subgraph, report);
    for ty in subgraph.types.values() {
        reserved(subgraph, ty.pos, ty.name, report);
        match ty.kind {
            TypeKind::Object | TypeKind::Interface => fields(subgraph, ty, report),
            TypeKind::Union => union(subgraph, ty, report),
            TypeKind::Enum => values(subgraph, ty, report),
            TypeKind::Input => inputs(subgraph, ty, report),
            TypeKind::Scalar => {}
        }
    }
    for directive in &subgraph.document.directives {
        reserved(subgraph, directive.name.pos, directive.name.text, report);
        for argument in &directive.arguments {
            let what = || format!("@{}({}:)", directive.name.text, argument.name.text);
            input_type(subgraph, argument.ty, what, report);
        }
    }
    kinds(subgraph, report);
}

/// An extension has to be of the kind of its type.
fn kinds(subgraph: &Subgraph<'_>, report: &mut Report) {
    for definition in &subgraph.document.types {
        let Some(ty) = subgraph.types.get(subgraph.renamed(definition.name.text)) else {
            continue;
        };
        let object = ty.interface_object && definition.kind == TypeKind::Object;
        if ty.kind != definition.kind && !object {
            let message = format!(
                "Type \"{}\" is both {} and {} in one schema.",
                ty.name,
                ty.kind.keyword(),
                definition.kind.keyword()
            );
            invalid(subgraph, definition.name.pos, message, report);
        }
    }
}

fn reserved(subgraph: &Subgraph<'_>, pos: Pos, name: &str, report: &mut Report) {
    if name.starts_with("__") {
        let message = format!(
            "Name \"{name}\" must not begin with \"__\", which is reserved by GraphQL introspection."
        );
        invalid(subgraph, pos, message, report);
    }
}

fn roots(subgraph: &Subgraph<'_>, report: &mut Report) {
    let document = subgraph.document;
    let defined: HashSet<&str> = document.types.iter().map(|ty| ty.name.text).collect();
    let mut used: Vec<(Operation, &str)> = Vec::new();
    for (operation, name) in document.schemas.iter().flat_map(|s| &s.operations) {
        let default = operation.default_type();
        if !defined.contains(name.text) {
            let message = format!(
                "Cannot set schema {} root to unknown type {}",
                operation.keyword(),
                name.text
            );
            invalid(subgraph, name.pos, message, report);
        }
        let not_object = document
            .types
            .iter()
            .any(|ty| ty.name.text == name.text && ty.kind != TypeKind::Object);
        if not_object {
            let message = format!(
                "The {} root type must be an object type, it cannot be {}.",
                operation.keyword(),
                name.text
            );
            invalid(subgraph, name.pos, message, report);
        }
        if let Some((other, _)) = used.iter().find(|(_, other)| *other == name.text) {
            let message = format!(
                "All root types must be different, \"{}\" is used for {} and {}.",
                name.text,
                other.keyword(),
                operation.keyword()
            );
            invalid(subgraph, name.pos, message, report);
        }
        used.push((*operation, name.text));
        let shadowed = document
            .types
            .iter()
            .any(|ty| !ty.extend && ty.name.text == default);
        if name.text != default && shadowed {
            let code = match operation {
                Operation::Query => ErrorCode::RootQueryUsed,
                Operation::Mutation => ErrorCode::RootMutationUsed,
                Operation::Subscription => ErrorCode::RootSubscriptionUsed,
            };
            let message = format!(
                "The schema has a type named \"{default}\" but it is not set as the {} root type \
                 (\"{}\" is instead): this is not supported by federation. If a root type does not use \
                 its default name, there should be no other type with that default name.",
                operation.keyword(),
                name.text
            );
            report.at(subgraph, name.pos, code, message);
        }
    }
}

fn kind_of(subgraph: &Subgraph<'_>, name: &str) -> Option<TypeKind> {
    if BUILT_IN_SCALARS.contains(&name) {
        return Some(TypeKind::Scalar);
    }
    if let Some(ty) = subgraph.types.get(name) {
        return Some(ty.kind);
    }
    subgraph
        .names
        .is_machinery(name)
        .then_some(TypeKind::Scalar)
}

fn unknown(subgraph: &Subgraph<'_>, ty: TypeRef<'_>, report: &mut Report) {
    let message = format!("Unknown type \"{}\".", ty.name);
    invalid(subgraph, ty.pos, message, report);
}

fn input_type(
    subgraph: &Subgraph<'_>,
    ty: TypeRef<'_>,
    what: impl Fn() -> String,
    report: &mut Report,
) {
    match kind_of(subgraph, ty.name) {
        None => unknown(subgraph, ty, report),
        Some(TypeKind::Scalar | TypeKind::Enum | TypeKind::Input) => {}
        Some(_) => {
            let message = format!(
                "The type of \"{}\" must be an input type but is \"{ty}\".",
                what()
            );
            invalid(subgraph, ty.pos, message, report);
        }
    }
}

fn fields(subgraph: &Subgraph<'_>, ty: &Type<'_>, report: &mut Report) {
    if ty.fields.is_empty() && !subgraph.is_root(ty.name) {
        let message = format!("Type \"{}\" must define one or more fields.", ty.name);
        invalid(subgraph, ty.pos, message, report);
    }
    for (name, field) in &ty.fields {
        reserved(subgraph, field.pos(), name, report);
        match kind_of(subgraph, field.ty.name) {
            None => unknown(subgraph, field.ty, report),
            Some(TypeKind::Input) => {
                let message = format!(
                    "The type of \"{}.{name}\" must be an output type but is \"{}\".",
                    ty.name, field.ty
                );
                invalid(subgraph, field.ty.pos, message, report);
            }
            Some(_) => {}
        }
        for (argument_name, argument) in &field.arguments {
            let what = || format!("{}.{name}({argument_name}:)", ty.name);
            input(subgraph, argument, what, report);
        }
    }
}

fn input(
    subgraph: &Subgraph<'_>,
    input: &Input<'_>,
    what: impl Fn() -> String,
    report: &mut Report,
) {
    reserved(subgraph, input.pos(), input.definition.name.text, report);
    input_type(subgraph, input.ty, &what, report);
    if input.is_required() && input.marks().deprecated.is_some() {
        let message = format!("\"{}\" is required and cannot be deprecated.", what());
        invalid(subgraph, input.pos(), message, report);
    }
    if let Some(default) = &input.definition.default
        && !fits(subgraph, input.ty, default, Strings::MayBeEnums)
    {
        let message = format!(
            "Invalid default value (got: {}) provided for \"{}\" of type {}.",
            print_value(default),
            what(),
            input.ty
        );
        invalid(subgraph, input.pos(), message, report);
    }
}

fn inputs(subgraph: &Subgraph<'_>, ty: &Type<'_>, report: &mut Report) {
    if ty.inputs.is_empty() {
        let message = format!("Input type \"{}\" must define one or more fields.", ty.name);
        invalid(subgraph, ty.pos, message, report);
    }
    for (name, field) in &ty.inputs {
        input(subgraph, field, || format!("{}.{name}", ty.name), report);
    }
}

fn values(subgraph: &Subgraph<'_>, ty: &Type<'_>, report: &mut Report) {
    if ty.values.is_empty() {
        let message = format!("Enum type \"{}\" must define one or more values.", ty.name);
        invalid(subgraph, ty.pos, message, report);
    }
    for (name, value) in &ty.values {
        reserved(subgraph, value.definition.name.pos, name, report);
        if matches!(*name, "true" | "false" | "null") {
            let message = format!("\"{name}\" cannot be a value of enum type \"{}\".", ty.name);
            invalid(subgraph, value.definition.name.pos, message, report);
        }
    }
}

fn union(subgraph: &Subgraph<'_>, ty: &Type<'_>, report: &mut Report) {
    if ty.members.is_empty() {
        let message = format!(
            "Union type \"{}\" must define one or more members.",
            ty.name
        );
        invalid(subgraph, ty.pos, message, report);
    }
    let mut seen = HashSet::new();
    for member in &ty.members {
        let name = member.text;
        if !seen.insert(name) {
            let message = format!(
                "Union type \"{}\" can only include type {name} once.",
                ty.name
            );
            invalid(subgraph, member.pos, message, report);
        }
        if kind_of(subgraph, name) != Some(TypeKind::Object) {
            let message = format!(
                "Union type \"{}\" can only include object types, it cannot include {name}.",
                ty.name
            );
            invalid(subgraph, member.pos, message, report);
        }
    }
}
