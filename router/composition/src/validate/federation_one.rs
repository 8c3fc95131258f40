//! Federation 1 schemas say more than they mean: `@requires` and `@provides`
//! of what the subgraph resolves itself have no effect and are left out.

use crate::subgraph::{FieldSet, Subgraph, Type};
use crate::syntax::TypeKind;
use crate::syntax::selection::{Selection, print_selections};

/// Cuts field sets to what comes from other subgraphs.
pub(super) fn drop_inactive(subgraph: &mut Subgraph<'_>) {
    let mut changed = Vec::new();
    for (index, ty) in subgraph.types.values().enumerate() {
        for (at, field) in ty.fields.values().enumerate() {
            let target = subgraph.types.get(field.ty.name);
            let requires = field
                .requires
                .as_ref()
                .map(|set| active(subgraph, Some(ty), set));
            let provides = field
                .provides
                .as_ref()
                .map(|set| active(subgraph, target, set));
            if requires.is_some() || provides.is_some() {
                changed.push((index, at, requires.flatten(), provides.flatten()));
            }
        }
    }
    for (index, at, requires, provides) in changed {
        let field = &mut subgraph.types[index].fields[at];
        field.requires = requires;
        field.provides = provides;
    }
    forget_provided(subgraph);
}

/// The set as it is, cut, or nothing when none of it is active.
fn active<'a>(
    subgraph: &Subgraph<'a>,
    ty: Option<&Type<'a>>,
    set: &FieldSet<'a>,
) -> Option<FieldSet<'a>> {
    let mut cut = set.clone();
    keep_external(subgraph, ty?, &mut cut.selections, false);
    if cut.selections.is_empty() {
        return None;
    }
    let text = print_selections(&cut.selections);
    if text != print_selections(&set.selections) {
        cut.text = text.into();
    }
    Some(cut)
}

fn keep_external<'a>(
    subgraph: &Subgraph<'a>,
    ty: &Type<'a>,
    selections: &mut Vec<Selection<'a>>,
    below_external: bool,
) {
    selections.retain_mut(|selection| match selection {
        Selection::Fragment(fragment) => {
            let on = fragment.on.and_then(|on| subgraph.types.get(on));
            keep_external(
                subgraph,
                on.unwrap_or(ty),
                &mut fragment.selections,
                below_external,
            );
            !fragment.selections.is_empty()
        }
        Selection::Field(selected) => {
            let Some(field) = ty.fields.get(selected.name) else {
                return true;
            };
            let by_interface = ty.kind == TypeKind::Interface;
            let external = below_external || by_interface || is_external(ty, field);
            if selected.selections.is_empty() {
                return external;
            }
            if let Some(inner) = subgraph.types.get(field.ty.name) {
                keep_external(subgraph, inner, &mut selected.selections, external);
            }
            !selected.selections.is_empty()
        }
    });
}

fn is_external(ty: &Type<'_>, field: &crate::subgraph::Field<'_>) -> bool {
    field.external && !(ty.is_extension() && field.usage.key)
}

/// With its `@provides` gone, nothing provides a field any more.
fn forget_provided(subgraph: &mut Subgraph<'_>) {
    let mut provided = Vec::new();
    for ty in subgraph.types.values() {
        for field in ty.fields.values() {
            let Some(set) = &field.provides else { continue };
            let Some(target) = subgraph.types.get(field.ty.name) else {
                continue;
            };
            crate::subgraph::walk::walk(subgraph, target, &set.selections, &mut |step| {
                if let crate::subgraph::walk::Step::Field { ty, field, .. } = step {
                    let index = subgraph.types.get_index_of(ty.name);
                    let at = ty.fields.get_index_of(field.definition.name.text);
                    provided.extend(index.zip(at));
                }
            });
        }
    }
    for ty in subgraph.types.values_mut() {
        for field in ty.fields.values_mut() {
            field.usage.provided = false;
        }
    }
    for (index, at) in provided {
        subgraph.types[index].fields[at].usage.provided = true;
    }
}
