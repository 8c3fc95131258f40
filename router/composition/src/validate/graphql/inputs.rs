//! An input type that always needs another of itself could never be given.

use std::collections::HashMap;

use crate::report::Report;
use crate::subgraph::{Subgraph, Type};
use crate::syntax::TypeKind;

use super::invalid;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

/// Reports cycles of required input fields. Works without recursion, for a
/// chain may be as long as the schema.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    let mut states: HashMap<&str, State> = HashMap::new();
    for ty in subgraph.types.values() {
        if ty.kind == TypeKind::Input && !states.contains_key(ty.name) {
            search(subgraph, ty, &mut states, report);
        }
    }
}

fn search<'s, 'a>(
    subgraph: &'s Subgraph<'a>,
    start: &'s Type<'a>,
    states: &mut HashMap<&'s str, State>,
    report: &mut Report,
) {
    let mut stack: Vec<(&Type<'a>, usize)> = vec![(start, 0)];
    states.insert(start.name, State::Open);
    while let Some((ty, next)) = stack.last_mut() {
        let ty = *ty;
        let Some((_, field)) = ty.inputs.get_index(*next) else {
            states.insert(ty.name, State::Done);
            stack.pop();
            continue;
        };
        *next += 1;
        let required = field.ty.is_non_null() && !field.ty.is_list();
        let Some(target) = subgraph.types.get(field.ty.name).filter(|_| required) else {
            continue;
        };
        if target.kind != TypeKind::Input {
            continue;
        }
        match states.get(target.name) {
            Some(State::Done) => {}
            Some(State::Open) => {
                let begin = stack.iter().position(|(t, _)| t.name == target.name);
                let path: Vec<&str> = stack[begin.unwrap_or(0)..]
                    .iter()
                    .filter_map(|(t, n)| Some(*t.inputs.get_index(n.checked_sub(1)?)?.0))
                    .collect();
                let message = format!(
                    "Cannot reference input object \"{}\" within itself through a series of non-null \
                     fields: \"{}\".",
                    target.name,
                    path.join(".")
                );
                invalid(subgraph, field.pos(), message, report);
            }
            None => {
                states.insert(target.name, State::Open);
                stack.push((target, 0));
            }
        }
    }
}
