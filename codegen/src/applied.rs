//! Where in a document directives are applied.

use std::collections::BTreeMap;

use atelier_composition::syntax::{Directive, Document, InputValue, print_value};

/// Applied directives by schema coordinate (`Type.field(argument:)`), each printed, in source order.
pub(crate) type Applied = BTreeMap<String, Vec<String>>;

/// Every applied directive of the document's types.
pub(crate) fn applied(document: &Document<'_>) -> Applied {
    let mut found = Applied::new();
    for ty in &document.types {
        let name = ty.name.text;
        add(&mut found, name, &ty.directives);
        for field in &ty.fields {
            let at = format!("{name}.{}", field.name.text);
            add(&mut found, &at, &field.directives);
            add_arguments(&mut found, &at, &field.arguments);
        }
        for input in &ty.inputs {
            add(
                &mut found,
                &format!("{name}.{}", input.name.text),
                &input.directives,
            );
        }
        for value in &ty.values {
            add(
                &mut found,
                &format!("{name}.{}", value.name.text),
                &value.directives,
            );
        }
    }
    found
}

/// The name of a printed directive.
pub(crate) fn directive_name(printed: &str) -> &str {
    printed
        .trim_start_matches('@')
        .split('(')
        .next()
        .unwrap_or_default()
}

fn add(found: &mut Applied, at: &str, directives: &[Directive<'_>]) {
    if !directives.is_empty() {
        found
            .entry(at.to_owned())
            .or_default()
            .extend(directives.iter().map(print));
    }
}

fn add_arguments(found: &mut Applied, at: &str, arguments: &[InputValue<'_>]) {
    for argument in arguments {
        add(
            found,
            &format!("{at}({}:)", argument.name.text),
            &argument.directives,
        );
    }
}

/// `@name(argument: value)`.
fn print(directive: &Directive<'_>) -> String {
    let arguments: Vec<String> = directive
        .arguments
        .iter()
        .map(|(name, value)| format!("{}: {}", name.text, print_value(value)))
        .collect();
    match arguments.as_slice() {
        [] => format!("@{}", directive.name.text),
        some => format!("@{}({})", directive.name.text, some.join(", ")),
    }
}
