//! A subgraph may define the federation directives and scalars it uses, if it
//! defines them as the specification does.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::Fed;
use crate::subgraph::Subgraph;
use crate::syntax::{DirectiveDefinition, TypeKind, Value};

/// Checks the definitions of federation's own elements.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    for definition in &subgraph.document.directives {
        if let Some(fed) = subgraph.names.resolve(definition.name.text) {
            let problems = problems(subgraph, definition, fed);
            let invalid = !problems.is_empty();
            for problem in problems {
                let message = format!(
                    "Invalid definition for directive \"@{}\": {problem}",
                    definition.name.text
                );
                let code = ErrorCode::DirectiveDefinitionInvalid;
                report.at(subgraph, definition.name.pos, code, message);
            }
            if invalid {
                let message = format!(
                    "There can be only one directive named \"@{}\": remove the definition, the \
                     federation specification has one.",
                    definition.name.text
                );
                report.at(
                    subgraph,
                    definition.name.pos,
                    ErrorCode::InvalidGraphql,
                    message,
                );
            }
        }
    }
    for definition in &subgraph.document.types {
        let name = definition.name;
        let scalar = subgraph.names.scalar(name.text);
        if scalar.is_some() && definition.kind != TypeKind::Scalar {
            let message = format!(
                "Invalid definition for type {}: it should be a scalar but is defined as {}.",
                name.text,
                definition.kind.keyword()
            );
            report.at(
                subgraph,
                name.pos,
                ErrorCode::TypeDefinitionInvalid,
                message,
            );
            let message = format!(
                "There can be only one type named \"{}\": rename it, the federation specification \
                 has one.",
                name.text
            );
            report.at(subgraph, name.pos, ErrorCode::InvalidGraphql, message);
        }
    }
}

fn problems(
    subgraph: &Subgraph<'_>,
    definition: &DirectiveDefinition<'_>,
    fed: Fed,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, expected, default) in fed.arguments(subgraph.version) {
        let Some(argument) = definition.arguments.iter().find(|a| a.name.text == *name) else {
            if expected.ends_with('!') {
                problems.push(format!("missing required argument \"{name}\""));
            }
            continue;
        };
        let found = argument.ty.to_string();
        if !is_accepted(subgraph, expected, &found) {
            problems.push(format!(
                "argument \"{name}\" should have type \"{expected}\" but found type \"{found}\""
            ));
        }
        if let Some(expected) = default
            && argument.default != Some(Value::Boolean(*expected))
        {
            let found = argument
                .default
                .as_ref()
                .map_or_else(|| "null".to_owned(), crate::syntax::print::print_value);
            problems.push(format!(
                "argument \"{name}\" should have default value {expected} but found default value {found}"
            ));
        }
    }
    let known = fed.locations();
    if !definition.locations.iter().any(|l| known.contains(l)) {
        problems.push(format!(
            "it should have locations {}, but found {}",
            known.join(", "),
            definition.locations.join(", ")
        ));
    }
    problems
}

/// Whether a type will do for the one of the specification. Scalars of the
/// specification may be called otherwise, or be plain strings.
fn is_accepted(subgraph: &Subgraph<'_>, expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    let bare = |text: &str| text.replace(['[', ']', '!'], "");
    match bare(expected).as_str() {
        "FieldSet" if subgraph.version.is_two() => {
            let name = bare(found);
            let set = matches!(
                name.as_str(),
                "FieldSet" | "federation__FieldSet" | "_FieldSet"
            );
            found == "String!"
                || found == "[String!]!"
                || subgraph.names.scalar(&name) == Some("FieldSet")
                || set && found.ends_with('!')
        }
        "FieldSet" => matches!(
            found,
            "_FieldSet!"
                | "FieldSet!"
                | "String"
                | "String!"
                | "[_FieldSet!]!"
                | "[String]!"
                | "[String!]!"
        ),
        "Int" | "Boolean" | "String" => found == "String!" && expected == "String!",
        // Lists of scalars of the specification: any scalar of the same shape.
        _ => {
            let shape = |text: &str| text.replace(|c: char| c.is_alphanumeric() || c == '_', "");
            shape(expected) == shape(found)
        }
    }
}
