//! `@cost` and `@listSize`.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::subgraph::{Field, ListSize, Subgraph};
use crate::syntax::TypeKind;

/// Checks where they stand and what they refer to.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    for ty in subgraph.types.values() {
        for field in ty.fields.values() {
            let Some(marks) = &field.marks else { continue };
            let coordinate = || format!("{}.{}", ty.name, field.definition.name.text);
            let on_interface = ty.kind == TypeKind::Interface && !ty.interface_object;
            if on_interface && marks.cost.is_some() {
                let message = format!("@cost cannot be applied to interface \"{}\"", coordinate());
                let code = ErrorCode::CostAppliedToInterfaceField;
                report.at(subgraph, field.pos(), code, message);
            }
            if let Some(size) = &marks.list_size {
                list_size(subgraph, field, size, &coordinate(), report);
            }
        }
    }
}

fn list_size(
    subgraph: &Subgraph<'_>,
    field: &Field<'_>,
    size: &ListSize<'_>,
    coordinate: &str,
    report: &mut Report,
) {
    let mut error = |code, message| report.at(subgraph, field.pos(), code, message);
    if size.assumed.is_some_and(|assumed| assumed < 0) {
        let message = format!("\"{coordinate}\" has negative @listSize(assumedSize:) value");
        return error(ErrorCode::ListSizeInvalidAssumedSize, message);
    }
    let sized = size.sized.as_deref().unwrap_or_default();
    if sized.is_empty() && !field.ty.is_list() {
        let message =
            format!("\"{coordinate}\" is not a list. Try to add @listSize(sizedFields:) argument.");
        error(ErrorCode::ListSizeInvalidSizedField, message);
        return;
    }
    let target = subgraph.types.get(field.ty.name);
    for name in sized {
        let found = target.and_then(|ty| ty.fields.get(name));
        let place =
            format!("\"{coordinate}\" references \"{name}\" field in @listSize(sizedFields:)");
        match found {
            None => {
                let message = format!("{place} that does not exist on \"{}\".", field.ty.name);
                error(ErrorCode::ListSizeInvalidSizedField, message);
            }
            Some(found) if !found.ty.is_list() => {
                let message = format!("{place} that is not a list.");
                error(ErrorCode::ListSizeAppliedToNonList, message);
            }
            Some(_) => {}
        }
    }
    for name in size.slicing.as_deref().unwrap_or_default() {
        let argument = field.arguments.get(name);
        let place = format!(
            "\"{coordinate}\" references \"{name}\" argument in @listSize(slicingArguments:)"
        );
        let message = match argument {
            None => format!("{place} that does not exist."),
            Some(argument) if argument.ty.name != "Int" || argument.ty.is_list() => {
                format!("{place} that is not an integer.")
            }
            Some(_) => continue,
        };
        error(ErrorCode::ListSizeInvalidSlicingArgument, message);
    }
}
