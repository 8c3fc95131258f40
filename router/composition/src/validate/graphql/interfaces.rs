//! Types do what the interfaces they implement promise.

use std::collections::HashSet;

use crate::report::Report;
use crate::subgraph::{Field, Subgraph, Type};
use crate::syntax::{TypeKind, TypeRef};

use super::invalid;

/// Checks every `implements`.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    for ty in subgraph.types.values() {
        let mut seen = HashSet::new();
        for name in &ty.interfaces {
            let mut error = |message: String| invalid(subgraph, name.pos, message, report);
            let Some(interface) = subgraph.types.get(name.text) else {
                error(format!("Unknown type \"{}\".", name.text));
                continue;
            };
            if interface.kind != TypeKind::Interface {
                error(format!(
                    "Type \"{}\" can only implement interfaces, it cannot implement \"{}\".",
                    ty.name, name.text
                ));
            } else if ty.name == name.text {
                error(format!("Type \"{}\" cannot implement itself.", ty.name));
            } else if !seen.insert(name.text) {
                error(format!(
                    "Type \"{}\" can only implement \"{}\" once.",
                    ty.name, name.text
                ));
            } else {
                ancestors(ty, interface, &mut error);
                implementation(subgraph, ty, interface, report);
            }
        }
    }
}

fn ancestors(ty: &Type<'_>, interface: &Type<'_>, error: &mut impl FnMut(String)) {
    for ancestor in &interface.interfaces {
        if ancestor.text == ty.name {
            error(format!(
                "Type \"{}\" cannot implement \"{}\": each would implement the other.",
                ty.name, interface.name
            ));
        } else if !ty.implements(ancestor.text) {
            error(format!(
                "Type \"{}\" must implement \"{}\" because it is implemented by \"{}\".",
                ty.name, ancestor.text, interface.name
            ));
        }
    }
}

fn implementation(
    subgraph: &Subgraph<'_>,
    ty: &Type<'_>,
    interface: &Type<'_>,
    report: &mut Report,
) {
    for (name, expected) in &interface.fields {
        let promise = format!("{}.{name}", interface.name);
        let Some(field) = ty.fields.get(name) else {
            let message = format!(
                "Interface field \"{promise}\" expected but \"{}\" does not provide it.",
                ty.name
            );
            invalid(subgraph, ty.pos, message, report);
            continue;
        };
        if !is_subtype(subgraph, field.ty, expected.ty) {
            let message = format!(
                "Interface field \"{promise}\" expects type {} but \"{}.{name}\" of type {} is not a \
                 proper subtype.",
                expected.ty, ty.name, field.ty
            );
            invalid(subgraph, field.pos(), message, report);
        }
        arguments(
            subgraph,
            &format!("{}.{name}", ty.name),
            field,
            &promise,
            expected,
            report,
        );
    }
}

fn arguments(
    subgraph: &Subgraph<'_>,
    coordinate: &str,
    field: &Field<'_>,
    promise: &str,
    expected: &Field<'_>,
    report: &mut Report,
) {
    for (name, wanted) in &expected.arguments {
        let message = match field.arguments.get(name) {
            None => format!(
                "Interface field argument \"{promise}({name}:)\" expected but \"{coordinate}\" does not \
                 provide it."
            ),
            Some(argument) if !argument.ty.same(wanted.ty) => format!(
                "Interface field argument \"{promise}({name}:)\" expects type {} but \
                 \"{coordinate}({name}:)\" is of type {}.",
                wanted.ty, argument.ty
            ),
            Some(_) => continue,
        };
        invalid(subgraph, field.pos(), message, report);
    }
    for (name, argument) in &field.arguments {
        let contextual = argument.marks().from_context.is_some();
        if argument.is_required() && !contextual && !expected.arguments.contains_key(name) {
            let message = format!(
                "Field \"{coordinate}\" requires argument \"{name}\", which the interface field \
                 \"{promise}\" does not have."
            );
            invalid(subgraph, argument.pos(), message, report);
        }
    }
}

fn is_subtype(subgraph: &Subgraph<'_>, sub: TypeRef<'_>, sup: TypeRef<'_>) -> bool {
    if sub.lists != sup.lists || sup.non_null & !sub.non_null != 0 {
        return false;
    }
    if sub.name == sup.name {
        return true;
    }
    let Some(ty) = subgraph.types.get(sup.name) else {
        return false;
    };
    match ty.kind {
        TypeKind::Union => ty.members.iter().any(|member| member.text == sub.name),
        TypeKind::Interface => subgraph
            .types
            .get(sub.name)
            .is_some_and(|sub| sub.implements(sup.name)),
        _ => false,
    }
}
