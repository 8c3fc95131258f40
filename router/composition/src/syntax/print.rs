//! Prints a schema document: two-space indentation, one member a line.

use std::borrow::Cow;
use std::fmt::Write;

use super::{
    Directive, DirectiveDefinition, Document, EnumValue, FieldDefinition, InputValue, Name,
    SchemaDefinition, TypeDefinition, TypeKind, Value,
};

/// The document as SDL: schema, directive definitions, then types, each in
/// the order of the tree.
pub fn print_document(document: &Document<'_>) -> String {
    let mut out = String::with_capacity(4096);
    for schema in &document.schemas {
        write_schema(&mut out, schema);
    }
    for directive in &document.directives {
        write_directive_definition(&mut out, directive);
    }
    for ty in &document.types {
        write_type(&mut out, ty);
    }
    out
}

fn begin(out: &mut String, description: Option<&Cow<'_, str>>) {
    if !out.is_empty() {
        out.push('\n');
    }
    write_description(out, description, "");
}

fn write_schema(out: &mut String, schema: &SchemaDefinition<'_>) {
    begin(out, schema.description.as_ref());
    if schema.extend {
        out.push_str("extend ");
    }
    out.push_str("schema");
    for directive in &schema.directives {
        out.push_str("\n ");
        write_directive(out, directive);
    }
    if !schema.operations.is_empty() {
        let open = if schema.directives.is_empty() {
            " {\n"
        } else {
            "\n{\n"
        };
        out.push_str(open);
        for (operation, name) in &schema.operations {
            let _ = writeln!(out, "  {}: {}", operation.keyword(), name.text);
        }
        out.push('}');
    }
    out.push('\n');
}

fn write_directive_definition(out: &mut String, directive: &DirectiveDefinition<'_>) {
    begin(out, directive.description.as_ref());
    out.push_str("directive @");
    out.push_str(directive.name.text);
    write_argument_definitions(out, &directive.arguments, "  ");
    if directive.repeatable {
        out.push_str(" repeatable");
    }
    out.push_str(" on ");
    out.push_str(&directive.locations.join(" | "));
    out.push('\n');
}

fn write_type(out: &mut String, ty: &TypeDefinition<'_>) {
    begin(out, ty.description.as_ref());
    if ty.extend {
        out.push_str("extend ");
    }
    out.push_str(ty.kind.keyword());
    out.push(' ');
    out.push_str(ty.name.text);
    for (index, interface) in ty.interfaces.iter().enumerate() {
        out.push_str(if index == 0 { " implements " } else { " & " });
        out.push_str(interface.text);
    }
    let joined = ty
        .directives
        .iter()
        .any(|directive| directive.name.text.contains("__"));
    for directive in &ty.directives {
        if joined {
            out.push_str("\n ");
        }
        write_directive(out, directive);
    }
    write_members(out, ty, joined);
    out.push('\n');
}

fn write_members(out: &mut String, ty: &TypeDefinition<'_>, joined: bool) {
    let open = if joined { "\n{\n" } else { " {\n" };
    match ty.kind {
        TypeKind::Scalar => {}
        TypeKind::Union => {
            for (index, member) in ty.members.iter().enumerate() {
                out.push_str(match (index, joined) {
                    (0, false) => " = ",
                    (0, true) => "\n  = ",
                    _ => " | ",
                });
                out.push_str(member.text);
            }
        }
        TypeKind::Enum if !ty.values.is_empty() => {
            out.push_str(open);
            for value in &ty.values {
                write_enum_value(out, value);
            }
            out.push('}');
        }
        TypeKind::Input if !ty.inputs.is_empty() => {
            out.push_str(open);
            for input in &ty.inputs {
                write_description(out, input.description.as_ref(), "  ");
                out.push_str("  ");
                write_input_value(out, input);
                out.push('\n');
            }
            out.push('}');
        }
        TypeKind::Object | TypeKind::Interface if !ty.fields.is_empty() => {
            out.push_str(open);
            for field in &ty.fields {
                write_field(out, field);
            }
            out.push('}');
        }
        _ => {}
    }
}

fn write_field(out: &mut String, field: &FieldDefinition<'_>) {
    write_description(out, field.description.as_ref(), "  ");
    out.push_str("  ");
    out.push_str(field.name.text);
    write_argument_definitions(out, &field.arguments, "    ");
    let _ = write!(out, ": {}", field.ty);
    for directive in &field.directives {
        write_directive(out, directive);
    }
    out.push('\n');
}

fn write_enum_value(out: &mut String, value: &EnumValue<'_>) {
    write_description(out, value.description.as_ref(), "  ");
    out.push_str("  ");
    out.push_str(value.name.text);
    for directive in &value.directives {
        write_directive(out, directive);
    }
    out.push('\n');
}

fn write_argument_definitions(out: &mut String, arguments: &[InputValue<'_>], indent: &str) {
    if arguments.is_empty() {
        return;
    }
    let described = arguments.iter().any(|a| a.description.is_some());
    out.push('(');
    for (index, argument) in arguments.iter().enumerate() {
        if described {
            out.push('\n');
            write_description(out, argument.description.as_ref(), indent);
            out.push_str(indent);
        } else if index > 0 {
            out.push_str(", ");
        }
        write_input_value(out, argument);
    }
    if described {
        out.push('\n');
        out.push_str(&indent[2..]);
    }
    out.push(')');
}

fn write_input_value(out: &mut String, input: &InputValue<'_>) {
    let _ = write!(out, "{}: {}", input.name.text, input.ty);
    if let Some(default) = &input.default {
        out.push_str(" = ");
        write_value(out, default);
    }
    for directive in &input.directives {
        write_directive(out, directive);
    }
}

/// ` @name(arguments)`, with the blank before it.
fn write_directive(out: &mut String, directive: &Directive<'_>) {
    out.push_str(" @");
    out.push_str(directive.name.text);
    write_arguments(out, &directive.arguments);
}

pub(super) fn write_arguments(out: &mut String, arguments: &[(Name<'_>, Value<'_>)]) {
    for (index, (name, value)) in arguments.iter().enumerate() {
        out.push_str(if index == 0 { "(" } else { ", " });
        out.push_str(name.text);
        out.push_str(": ");
        write_value(out, value);
    }
    if !arguments.is_empty() {
        out.push(')');
    }
}

/// The value as SDL.
pub fn print_value(value: &Value<'_>) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Int(text) | Value::Float(text) => out.push_str(text),
        Value::String(text) => write_string(out, text),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Enum(text) => out.push_str(text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push_str(": ");
                write_value(out, field);
            }
            out.push('}');
        }
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_description(out: &mut String, description: Option<&Cow<'_, str>>, indent: &str) {
    let Some(text) = description else { return };
    out.push_str(indent);
    // A block string cannot keep these texts as they are; a plain one can.
    let plain = text.is_empty()
        || text.starts_with([' ', '\t', '\n'])
        || text.ends_with([' ', '\t', '\n'])
        || text.contains('\r')
        || text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        || text
            .lines()
            .any(|line| !line.is_empty() && line.trim().is_empty());
    if plain {
        write_string(out, text);
        out.push('\n');
        return;
    }
    out.push_str("\"\"\"\n");
    for line in text.split('\n') {
        if !line.is_empty() {
            out.push_str(indent);
            out.push_str(&line.replace("\"\"\"", "\\\"\"\""));
        }
        out.push('\n');
    }
    out.push_str(indent);
    out.push_str("\"\"\"\n");
}
