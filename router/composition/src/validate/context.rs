//! `@context` and `@fromContext`.

use std::collections::HashMap;

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::from_context;
use crate::subgraph::walk::{Step, walk};
use crate::subgraph::{Subgraph, Type};
use crate::syntax::TypeKind;
use crate::syntax::selection::{Selection, parse_field_set};

/// Checks the contexts of one subgraph.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    let mut set: HashMap<&str, Vec<&Type<'_>>> = HashMap::new();
    for ty in subgraph.types.values() {
        for context in &ty.marks.contexts {
            set.entry(context).or_default().push(ty);
            let valid = context.starts_with(|c: char| c.is_ascii_alphabetic())
                && context.bytes().all(|b| b.is_ascii_alphanumeric());
            if !valid {
                let message = format!(
                    "Context name \"{context}\" is invalid. It should have only alphanumeric characters."
                );
                report.at(subgraph, ty.pos, ErrorCode::ContextNameInvalid, message);
            }
        }
    }
    for ty in subgraph.types.values() {
        for field in ty.fields.values() {
            for (name, argument) in &field.arguments {
                let Some((reference, pos)) = argument.marks().from_context else {
                    continue;
                };
                let coordinate = format!("{}.{}({name}:)", ty.name, field.definition.name.text);
                if let Err((code, message)) = reference_is_valid(subgraph, reference, &set) {
                    let message = format!("On \"{coordinate}\", for @fromContext: {message}");
                    report.at(subgraph, pos, code, message);
                }
            }
        }
    }
}

fn reference_is_valid(
    subgraph: &Subgraph<'_>,
    reference: &str,
    set: &HashMap<&str, Vec<&Type<'_>>>,
) -> Result<(), (ErrorCode, String)> {
    let Some((context, selection)) = from_context::split(reference) else {
        let message = format!("\"{reference}\" names no context: write \"$context {{ field }}\".");
        return Err((ErrorCode::NoContextInSelection, message));
    };
    if selection.trim().is_empty() {
        let message = format!("\"{reference}\" selects nothing from the context.");
        return Err((ErrorCode::ContextNoSelection, message));
    }
    let Some(types) = set.get(context) else {
        let message = format!("No type of this subgraph sets the context \"{context}\".");
        return Err((ErrorCode::ContextNotSet, message));
    };
    let invalid = |message: String| (ErrorCode::ContextInvalidSelection, message);
    let selections = parse_field_set(selection).map_err(|error| invalid(error.message))?;
    for ty in types {
        // A selection of fragments says for each type what to take.
        let plain = selections
            .iter()
            .any(|selection| matches!(selection, Selection::Field(_)));
        if plain && ty.kind == TypeKind::Union {
            let message = format!("union \"{}\" needs fragments in \"{selection}\".", ty.name);
            return Err(invalid(message));
        }
        let mut problem = None;
        walk(subgraph, ty, &selections, &mut |step| match step {
            Step::Unknown { ty, name } | Step::FieldOnUnion { ty, name } => {
                problem = Some(format!("\"{}\" has no field \"{name}\".", ty.name));
            }
            _ => {}
        });
        if let Some(problem) = problem {
            return Err(invalid(problem));
        }
    }
    Ok(())
}
