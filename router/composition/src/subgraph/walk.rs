//! Walks a field set along the types of its subgraph.

use crate::syntax::TypeKind;
use crate::syntax::selection::{FieldSelection, Selection};

use super::{Field, Subgraph, Type};

/// What the walk comes upon.
pub(crate) enum Step<'w, 'a> {
    /// A field that exists; `top` when selected on the type the walk began at.
    Field {
        ty: &'w Type<'a>,
        field: &'w Field<'a>,
        selection: &'w FieldSelection<'a>,
        top: bool,
    },
    /// `__typename`.
    Typename,
    /// A field the type does not have.
    Unknown { ty: &'w Type<'a>, name: &'w str },
    /// A type condition that can never hold, or names no type.
    ImpossibleFragment { ty: &'w str, on: &'w str },
    /// A selection on a union that only a fragment could make.
    FieldOnUnion { ty: &'w Type<'a>, name: &'w str },
}

/// Visits every selection, parents before children.
pub(crate) fn walk<'w, 'a>(
    subgraph: &'w Subgraph<'a>,
    ty: &'w Type<'a>,
    selections: &'w [Selection<'a>],
    visit: &mut impl FnMut(Step<'w, 'a>),
) {
    walk_at(subgraph, ty, selections, true, visit);
}

fn walk_at<'w, 'a>(
    subgraph: &'w Subgraph<'a>,
    ty: &'w Type<'a>,
    selections: &'w [Selection<'a>],
    top: bool,
    visit: &mut impl FnMut(Step<'w, 'a>),
) {
    for selection in selections {
        let selected = match selection {
            Selection::Fragment(fragment) => {
                let target = match fragment.on {
                    None => Some(ty),
                    Some(on) => subgraph.types.get(on).filter(|to| may_be(subgraph, ty, to)),
                };
                match (target, fragment.on) {
                    (Some(target), _) => {
                        let same = top && target.name == ty.name;
                        walk_at(subgraph, target, &fragment.selections, same, visit);
                    }
                    (None, on) => visit(Step::ImpossibleFragment {
                        ty: ty.name,
                        on: on.unwrap_or_default(),
                    }),
                }
                continue;
            }
            Selection::Field(selected) => selected,
        };
        if selected.name == "__typename" {
            visit(Step::Typename);
            continue;
        }
        let Some(field) = ty.fields.get(selected.name) else {
            visit(if ty.kind == TypeKind::Union {
                Step::FieldOnUnion {
                    ty,
                    name: selected.name,
                }
            } else {
                Step::Unknown {
                    ty,
                    name: selected.name,
                }
            });
            continue;
        };
        visit(Step::Field {
            ty,
            field,
            selection: selected,
            top,
        });
        if let Some(inner) = subgraph.types.get(field.ty.name)
            && !selected.selections.is_empty()
        {
            walk_at(subgraph, inner, &selected.selections, false, visit);
        }
    }
}

/// Whether a value of type `from` can be one of type `to`.
fn may_be(subgraph: &Subgraph<'_>, from: &Type<'_>, to: &Type<'_>) -> bool {
    let composite = |ty: &Type<'_>| {
        matches!(
            ty.kind,
            TypeKind::Object | TypeKind::Interface | TypeKind::Union
        )
    };
    if !composite(from) || !composite(to) {
        return false;
    }
    if from.name == to.name {
        return true;
    }
    runtime_types(subgraph, from)
        .iter()
        .any(|name| runtime_types(subgraph, to).contains(name))
}

/// The object types a value of the type may have in this subgraph.
pub(crate) fn runtime_types<'a>(subgraph: &Subgraph<'a>, ty: &Type<'a>) -> Vec<&'a str> {
    match ty.kind {
        TypeKind::Union => ty.members.iter().map(|member| member.text).collect(),
        TypeKind::Interface if !ty.interface_object => subgraph
            .implementations_of(ty.name)
            .map(|other| other.name)
            .collect(),
        _ => vec![ty.name],
    }
}
