//! The meaning of a schema as a set of facts, so that two documents can be
//! compared regardless of order and of redundant spelling.

use std::collections::BTreeSet;

use crate::api::Machinery;
use crate::syntax::print::print_value;
use crate::syntax::selection::canonical;
use crate::syntax::{
    Directive, Document, FieldDefinition, InputValue, TypeDefinition, TypeKind, Value,
    parse_document,
};

/// Every fact of the document, one a line.
pub(super) fn facts(sdl: &str) -> BTreeSet<String> {
    let document = parse_document(sdl).expect("a schema to compare parses");
    let machinery = Machinery::of(&document);
    let mut facts = BTreeSet::new();
    schema(&document, &machinery, &mut facts);
    for ty in &document.types {
        if ty.name.text == "join__Graph" || !machinery.has_type(ty.name.text) {
            type_facts(ty, &mut facts);
        }
    }
    facts
}

fn schema(document: &Document<'_>, machinery: &Machinery<'_>, facts: &mut BTreeSet<String>) {
    for schema in &document.schemas {
        for (operation, name) in &schema.operations {
            if operation.default_type() != name.text {
                facts.insert(format!("root {} {}", operation.keyword(), name.text));
            }
        }
        for directive in &schema.directives {
            facts.insert(format!("schema {}", spell(directive)));
        }
    }
    for directive in &document.directives {
        let name = directive.name.text;
        if machinery.has_directive(name) {
            continue;
        }
        let mut locations = directive.locations.clone();
        locations.sort_unstable();
        let repeatable = directive.repeatable;
        facts.insert(format!("directive @{name} {repeatable} {locations:?}"));
        for argument in &directive.arguments {
            input_facts(&format!("@{name}"), argument, facts);
        }
    }
}

fn type_facts(ty: &TypeDefinition<'_>, facts: &mut BTreeSet<String>) {
    let name = ty.name.text;
    facts.insert(format!("{} {name}", ty.kind.keyword()));
    description(name, ty.description.as_deref(), facts);
    for interface in &ty.interfaces {
        facts.insert(format!("{name} implements {}", interface.text));
    }
    for member in &ty.members {
        facts.insert(format!("{name} = {}", member.text));
    }
    for directive in &ty.directives {
        facts.insert(format!("{name} {}", spell(directive)));
    }
    for field in &ty.fields {
        field_facts(ty, field, facts);
    }
    for input in &ty.inputs {
        let coordinate = format!("{name}.{}", input.name.text);
        let joins = graphs(ty);
        input_facts(name, input, facts);
        if ty.kind == TypeKind::Input && !has_join(&input.directives) {
            let ty = input.ty;
            facts.extend(joins.iter().map(|g| format!("{coordinate} in {g} {ty}")));
        }
    }
    for value in &ty.values {
        let coordinate = format!("{name}.{}", value.name.text);
        facts.insert(coordinate.clone());
        description(&coordinate, value.description.as_deref(), facts);
        for directive in &value.directives {
            facts.insert(format!("{coordinate} {}", spell(directive)));
        }
    }
}

fn description(coordinate: &str, text: Option<&str>, facts: &mut BTreeSet<String>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        facts.insert(format!("{coordinate} described {:?}", text.trim()));
    }
}

fn graphs(ty: &TypeDefinition<'_>) -> BTreeSet<String> {
    ty.directives
        .iter()
        .filter(|d| d.name.text == "join__type")
        .filter_map(|d| d.argument("graph").map(print_value))
        .collect()
}

fn has_join(directives: &[Directive<'_>]) -> bool {
    directives.iter().any(|d| d.name.text == "join__field")
}

fn field_facts(ty: &TypeDefinition<'_>, field: &FieldDefinition<'_>, facts: &mut BTreeSet<String>) {
    let coordinate = format!("{}.{}", ty.name.text, field.name.text);
    facts.insert(format!("{coordinate}: {}", field.ty));
    description(&coordinate, field.description.as_deref(), facts);
    for argument in &field.arguments {
        input_facts(&coordinate, argument, facts);
    }
    if !has_join(&field.directives) {
        for graph in graphs(ty) {
            facts.insert(format!("{coordinate} in {graph} {}", field.ty));
        }
    }
    join_facts(&coordinate, &field.ty.to_string(), &field.directives, facts);
}

fn input_facts(parent: &str, input: &InputValue<'_>, facts: &mut BTreeSet<String>) {
    let coordinate = format!("{parent}.{}", input.name.text);
    facts.insert(format!("{coordinate}: {}", input.ty));
    description(&coordinate, input.description.as_deref(), facts);
    if let Some(default) = &input.default {
        facts.insert(format!("{coordinate} = {}", sorted(default)));
    }
    join_facts(&coordinate, &input.ty.to_string(), &input.directives, facts);
}

fn join_facts(
    coordinate: &str,
    ty: &str,
    directives: &[Directive<'_>],
    facts: &mut BTreeSet<String>,
) {
    for directive in directives {
        if directive.name.text != "join__field" {
            facts.insert(format!("{coordinate} {}", spell(directive)));
            continue;
        }
        let Some(graph) = directive.argument("graph") else {
            facts.insert(format!("{coordinate} by interface object"));
            continue;
        };
        let ty = directive.string("type").unwrap_or(ty);
        let mut fact = format!("{coordinate} in {} {ty}", print_value(graph));
        for argument in arguments(directive) {
            if !argument.starts_with("graph:") && !argument.starts_with("type:") {
                fact.push(' ');
                fact.push_str(&argument);
            }
        }
        facts.insert(fact);
    }
}

/// The arguments that say something, in alphabetical order.
fn arguments(directive: &Directive<'_>) -> Vec<String> {
    let mut spelled: Vec<String> = directive
        .arguments
        .iter()
        .filter(|(name, value)| !is_default(name.text, value))
        .map(|(name, value)| match (name.text, value) {
            ("key" | "requires" | "provides", Value::String(text)) => {
                let set = canonical(text).unwrap_or_else(|| text.to_string());
                format!("{}: {set:?}", name.text)
            }
            _ => format!("{}: {}", name.text, sorted(value)),
        })
        .collect();
    spelled.sort();
    spelled
}

/// Whether leaving the argument out means the same.
fn is_default(name: &str, value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Boolean(true) => matches!(name, "resolvable" | "requireOneSlicingArgument"),
        Value::Boolean(false) => {
            matches!(
                name,
                "external" | "usedOverridden" | "extension" | "isInterfaceObject"
            )
        }
        Value::String(text) => name == "reason" && text == "No longer supported",
        _ => false,
    }
}

fn spell(directive: &Directive<'_>) -> String {
    format!(
        "@{}({})",
        directive.name.text,
        arguments(directive).join(", ")
    )
}

/// A value with lists and object fields in alphabetical order.
fn sorted(value: &Value<'_>) -> String {
    match value {
        Value::List(items) => {
            let mut items: Vec<String> = items.iter().map(sorted).collect();
            items.sort();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", sorted(value)))
                .collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        other => print_value(other),
    }
}
