//! Directives of merged elements as the supergraph spells them.

use std::borrow::Cow;

use crate::syntax::{Directive, Name, TypeRef, Value};

use super::features::Features;
use super::{Entry, Graph, MergedMarks, Supergraph};

pub(super) fn name(text: &str) -> Name<'_> {
    Name { text, pos: 0 }
}

pub(super) fn directive<'g>(text: &'g str, arguments: Vec<(&'g str, Value<'g>)>) -> Directive<'g> {
    Directive {
        name: name(text),
        arguments: arguments
            .into_iter()
            .map(|(argument, value)| (name(argument), value))
            .collect(),
    }
}

pub(super) fn string(text: &str) -> Value<'_> {
    Value::String(Cow::Borrowed(text))
}

fn strings<'g>(list: &[&'g str]) -> Value<'g> {
    Value::List(list.iter().map(|text| string(text)).collect())
}

pub(super) fn graph_value<'g>(supergraph: &Supergraph<'g>, graph: Graph) -> Value<'g> {
    Value::Enum(Cow::Borrowed(&supergraph.subgraphs[graph].graph))
}

/// The directives that are not about subgraphs.
pub(super) fn marks<'g>(
    out: &mut Vec<Directive<'g>>,
    marks: &MergedMarks<'g>,
    features: &Features<'g>,
) {
    for tag in &marks.tags {
        out.push(directive("tag", vec![("name", string(tag))]));
    }
    if marks.inaccessible {
        out.push(directive("inaccessible", vec![]));
    }
    if marks.authenticated {
        out.push(directive("authenticated", vec![]));
    }
    let alternatives =
        |list: &[Vec<&'g str>]| Value::List(list.iter().map(|all| strings(all)).collect());
    if !marks.scopes.is_empty() {
        let scopes = alternatives(&marks.scopes);
        out.push(directive("requiresScopes", vec![("scopes", scopes)]));
    }
    if !marks.policies.is_empty() {
        let policies = alternatives(&marks.policies);
        out.push(directive("policy", vec![("policies", policies)]));
    }
    if let Some(weight) = marks.cost {
        let weight = integer(weight);
        out.push(directive(features.cost, vec![("weight", weight)]));
    }
    if let Some(size) = &marks.list_size {
        let mut arguments = Vec::new();
        if let Some(assumed) = size.assumed {
            arguments.push(("assumedSize", integer(assumed)));
        }
        if let Some(slicing) = &size.slicing {
            arguments.push(("slicingArguments", strings(slicing)));
        }
        if let Some(sized) = &size.sized {
            arguments.push(("sizedFields", strings(sized)));
        }
        if !size.require_one {
            arguments.push(("requireOneSlicingArgument", Value::Boolean(false)));
        }
        out.push(directive(features.list_size, arguments));
    }
    if let Some(url) = marks.specified_by {
        out.push(directive("specifiedBy", vec![("url", string(url))]));
    }
    if let Some(reason) = marks.deprecated {
        let reason = reason.map(|reason| ("reason", string(reason)));
        out.push(directive("deprecated", reason.into_iter().collect()));
    }
    out.extend(marks.composed.iter().map(|d| (*d).clone()));
}

/// A whole number; enums print as they are, which is all a number needs.
fn integer<'g>(number: i64) -> Value<'g> {
    Value::Enum(Cow::Owned(number.to_string()))
}

/// `@join__field` for one subgraph.
pub(super) fn join_field<'g>(supergraph: &Supergraph<'g>, entry: &Entry<'g>) -> Directive<'g> {
    let mut arguments = vec![("graph", graph_value(supergraph, entry.graph))];
    if let Some(requires) = entry.requires {
        arguments.push(("requires", string(requires)));
    }
    if let Some(provides) = entry.provides {
        arguments.push(("provides", string(provides)));
    }
    if let Some(ty) = entry.ty {
        arguments.push(("type", type_value(ty)));
    }
    if entry.external {
        arguments.push(("external", Value::Boolean(true)));
    }
    if let Some(from) = entry.overrides {
        arguments.push(("override", string(from)));
    }
    if let Some(label) = entry.label {
        arguments.push(("overrideLabel", string(label)));
    }
    if entry.used_overridden {
        arguments.push(("usedOverridden", Value::Boolean(true)));
    }
    if !entry.context_arguments.is_empty() {
        let contexts = entry.context_arguments.iter().map(|argument| {
            let selection = Value::String(Cow::Borrowed(argument.selection));
            Value::Object(vec![
                (
                    "context".into(),
                    Value::String(argument.context.clone().into()),
                ),
                ("name".into(), string(argument.name)),
                ("type".into(), type_value(argument.ty)),
                ("selection".into(), selection),
            ])
        });
        arguments.push(("contextArguments", Value::List(contexts.collect())));
    }
    directive("join__field", arguments)
}

pub(super) fn type_value<'g>(ty: TypeRef<'_>) -> Value<'g> {
    Value::String(Cow::Owned(ty.to_string()))
}
