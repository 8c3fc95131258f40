//! Unions and shared objects: differences that are allowed but worth a hint.

use crate::error::{Hint, HintCode};
use crate::syntax::{Operation, TypeKind};

use super::{Merged, Supergraph};

/// Adds the hints about members and fields that some subgraphs lack.
pub(super) fn hint(supergraph: &mut Supergraph<'_>) {
    let mut hints = Vec::new();
    for ty in supergraph.types.values() {
        if ty.parts.len() < 2 {
            continue;
        }
        descriptions(ty, &mut hints);
        match ty.kind {
            TypeKind::Union => members(ty, &mut hints),
            TypeKind::Object => fields(ty, &mut hints),
            TypeKind::Interface if !ty.has_interface_object() => {
                missing_fields(
                    ty,
                    HintCode::InconsistentInterfaceValueTypeField,
                    &mut hints,
                );
            }
            _ => {}
        }
    }
    supergraph.hints.extend(hints);
}

fn members(ty: &Merged<'_>, hints: &mut Vec<Hint>) {
    for (member, graphs) in &ty.members {
        if graphs.len() < ty.parts.len() {
            hints.push(Hint {
                code: HintCode::InconsistentUnionMember,
                message: format!(
                    "Union type \"{}\" includes member type \"{member}\" in some but not all defining subgraphs.",
                    ty.name
                ),
                coordinate: ty.name.to_owned(),
            });
        }
    }
}

fn fields(ty: &Merged<'_>, hints: &mut Vec<Hint>) {
    let is_root = Operation::ALL.iter().any(|o| o.default_type() == ty.name);
    let entities = ty.parts.iter().filter(|(_, p)| !p.keys.is_empty()).count();
    if is_root || entities == ty.parts.len() {
        return;
    }
    if entities > 0 {
        hints.push(Hint {
            code: HintCode::InconsistentEntity,
            message: format!(
                "Type \"{}\" is declared as an entity (has a @key applied) in some but not all defining subgraphs.",
                ty.name
            ),
            coordinate: ty.name.to_owned(),
        });
        return;
    }
    missing_fields(ty, HintCode::InconsistentObjectValueTypeField, hints);
}

fn missing_fields(ty: &Merged<'_>, code: HintCode, hints: &mut Vec<Hint>) {
    for field in ty.fields.values() {
        if field.parts.len() < ty.parts.len() {
            hints.push(Hint {
                code,
                message: format!(
                    "Field \"{}.{}\" is defined in some but not all subgraphs that define \"{}\".",
                    ty.name, field.name, ty.name
                ),
                coordinate: format!("{}.{}", ty.name, field.name),
            });
        }
    }
}

fn descriptions(ty: &Merged<'_>, hints: &mut Vec<Hint>) {
    let mut texts = ty.parts.iter().filter_map(|(_, part)| part.description);
    let Some(first) = texts.next() else { return };
    if texts.any(|text| text != first) {
        hints.push(Hint {
            code: HintCode::InconsistentDescription,
            message: format!(
                "Type \"{}\" has inconsistent descriptions across subgraphs; that of the first by name is kept.",
                ty.name
            ),
            coordinate: ty.name.to_owned(),
        });
    }
}
