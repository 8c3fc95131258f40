//! Directives are known, stand where they may, and have the right arguments.

use std::collections::{HashMap, HashSet};

use crate::report::Report;
use crate::spec::Fed;
use crate::spec::directives::BUILT_IN_DIRECTIVES;
use crate::subgraph::Subgraph;
use crate::syntax::print::print_value;
use crate::syntax::{Directive, DirectiveDefinition, InputValue, Value};

use super::invalid;
use super::values::{Strings, fits};

/// Where some directives stand.
struct Site<'s> {
    location: &'static str,
    /// Names joined by dots, for messages.
    parent: &'s str,
    name: &'s str,
}

impl Site<'_> {
    fn coordinate(&self) -> String {
        if self.parent.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.parent, self.name)
        }
    }
}

/// Checks every applied directive.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    let mut check = Check {
        subgraph,
        report,
        on_types: HashMap::new(),
        on_schema: HashSet::new(),
    };
    check.schemas();
    check.definitions();
    check.types();
}

struct Check<'s, 'a> {
    subgraph: &'s Subgraph<'a>,
    report: &'s mut Report,
    /// Directives on a type count over its extensions.
    on_types: HashMap<&'a str, HashSet<&'a str>>,
    on_schema: HashSet<&'a str>,
}

impl<'a> Check<'_, 'a> {
    fn schemas(&mut self) {
        let document = self.subgraph.document;
        let mut seen = std::mem::take(&mut self.on_schema);
        for schema in &document.schemas {
            let site = Site {
                location: "SCHEMA",
                parent: "",
                name: "schema",
            };
            self.site(&site, &schema.directives, &mut seen);
        }
    }

    fn definitions(&mut self) {
        let document = self.subgraph.document;
        for directive in &document.directives {
            let parent = format!("@{}", directive.name.text);
            self.inputs("ARGUMENT_DEFINITION", &parent, &directive.arguments);
        }
    }

    fn types(&mut self) {
        let document = self.subgraph.document;
        for ty in &document.types {
            let name = ty.name.text;
            let mut seen = self.on_types.remove(name).unwrap_or_default();
            let site = Site {
                location: ty.kind.location(),
                parent: "",
                name,
            };
            self.site(&site, &ty.directives, &mut seen);
            self.on_types.insert(name, seen);
            for field in &ty.fields {
                let site = Site {
                    location: "FIELD_DEFINITION",
                    parent: name,
                    name: field.name.text,
                };
                self.site(&site, &field.directives, &mut HashSet::new());
                if field.arguments.iter().any(|a| !a.directives.is_empty()) {
                    let parent = site.coordinate();
                    self.inputs("ARGUMENT_DEFINITION", &parent, &field.arguments);
                }
            }
            self.inputs("INPUT_FIELD_DEFINITION", name, &ty.inputs);
            for value in &ty.values {
                let site = Site {
                    location: "ENUM_VALUE",
                    parent: name,
                    name: value.name.text,
                };
                self.site(&site, &value.directives, &mut HashSet::new());
            }
        }
    }

    fn inputs(&mut self, location: &'static str, parent: &str, inputs: &'a [InputValue<'a>]) {
        for input in inputs {
            let site = Site {
                location,
                parent,
                name: input.name.text,
            };
            self.site(&site, &input.directives, &mut HashSet::new());
        }
    }

    fn site(
        &mut self,
        site: &Site<'_>,
        directives: &'a [Directive<'a>],
        seen: &mut HashSet<&'a str>,
    ) {
        for directive in directives {
            let name = directive.name.text;
            let first = seen.insert(name);
            if let Some(definition) = self.subgraph.directives.get(name) {
                self.defined(site, directive, definition, first);
            } else if let Some(fed) = self.subgraph.names.resolve(name) {
                self.federation(site, directive, fed, first);
            } else if let Some((_, locations)) =
                BUILT_IN_DIRECTIVES.iter().find(|(known, _)| *known == name)
            {
                self.place(site, directive, locations, first);
            } else if !matches!(name, "link" | "core") {
                self.unknown(directive);
            }
            self.unique_arguments(directive);
        }
    }

    fn error(&mut self, directive: &Directive<'_>, message: String) {
        invalid(self.subgraph, directive.name.pos, message, self.report);
    }

    fn unknown(&mut self, directive: &Directive<'_>) {
        let name = directive.name.text;
        let mut message = format!("Unknown directive \"@{name}\".");
        if let Some(fed) = Fed::by_name(name) {
            let two = self.subgraph.version.is_two();
            message.push_str(&if !two {
                format!(
                    " If you meant the \"@{name}\" federation 2 directive, note that this schema is a \
                     federation 1 schema. To be a federation 2 schema, it needs to @link to the \
                     federation specification v2."
                )
            } else if fed.is_in(self.subgraph.version) {
                format!(
                    " If you meant the \"@{name}\" federation directive, you should use fully-qualified \
                     name \"@federation__{name}\" or add \"@{name}\" to the `import` argument of the \
                     @link to the federation specification."
                )
            } else {
                " The federation version this schema links to does not have it yet.".to_owned()
            });
        }
        self.error(directive, message);
    }

    fn place(
        &mut self,
        site: &Site<'_>,
        directive: &Directive<'_>,
        locations: &[&str],
        once: bool,
    ) {
        let name = directive.name.text;
        if !locations.contains(&site.location) {
            let message = format!(
                "Directive \"@{name}\" may not be used on {}.",
                site.location
            );
            self.error(directive, message);
        }
        if !once {
            let message =
                format!("The directive \"@{name}\" can only be used once at this location.");
            self.error(directive, message);
        }
    }

    fn defined(
        &mut self,
        site: &Site<'_>,
        directive: &Directive<'_>,
        definition: &DirectiveDefinition<'_>,
        first: bool,
    ) {
        let name = directive.name.text;
        self.place(
            site,
            directive,
            &definition.locations,
            first || definition.repeatable,
        );
        for (argument, value) in &directive.arguments {
            let text = argument.text;
            match definition.arguments.iter().find(|a| a.name.text == text) {
                None => {
                    let message = format!("Unknown argument \"{text}\" on directive \"@{name}\".");
                    self.error(directive, message);
                }
                Some(expected) => {
                    if !fits(self.subgraph, expected.ty, value, Strings::AreNoEnums) {
                        let message = format!(
                            "Invalid value {} for \"@{name}({text}:)\" of type \"{}\" in application of \
                             \"@{name}\" to \"{}\".",
                            print_value(value),
                            expected.ty,
                            site.coordinate()
                        );
                        self.error(directive, message);
                    }
                }
            }
        }
        for expected in &definition.arguments {
            let required = expected.ty.is_non_null() && expected.default.is_none();
            let given = directive.argument(expected.name.text);
            if required && given.is_none() {
                self.missing(directive, expected.name.text, &expected.ty.to_string());
            }
        }
    }

    fn missing(&mut self, directive: &Directive<'_>, argument: &str, ty: &str) {
        let message = format!(
            "Argument \"@{}({argument}:)\" of type \"{ty}\" is required, but it was not provided.",
            directive.name.text
        );
        self.error(directive, message);
    }

    fn federation(&mut self, site: &Site<'_>, directive: &Directive<'_>, fed: Fed, first: bool) {
        let version = self.subgraph.version;
        let name = directive.name.text;
        self.place(
            site,
            directive,
            fed.locations(),
            first || fed.repeatable(version),
        );
        let expected = fed.arguments(version);
        for (argument, value) in &directive.arguments {
            let text = argument.text;
            let Some((_, ty, _)) = expected.iter().find(|(known, ..)| *known == text) else {
                let message = format!("Unknown argument \"{text}\" on directive \"@{name}\".");
                self.error(directive, message);
                continue;
            };
            if !federation_value_fits(ty, value) {
                let message = format!(
                    "Invalid value {} for \"@{name}({text}:)\" of type \"{ty}\" in application of \
                     \"@{name}\" to \"{}\".",
                    print_value(value),
                    site.coordinate()
                );
                self.error(directive, message);
            }
        }
        for (argument, ty, _) in expected {
            if ty.ends_with('!') && directive.argument(argument).is_none() {
                self.missing(directive, argument, ty);
            }
        }
    }

    fn unique_arguments(&mut self, directive: &Directive<'_>) {
        for (index, (argument, value)) in directive.arguments.iter().enumerate() {
            let before = &directive.arguments[..index];
            if before.iter().any(|(other, _)| other.text == argument.text) {
                let message = format!(
                    "There can be only one argument named \"{}\".",
                    argument.text
                );
                self.error(directive, message);
            }
            if let Some(field) = repeated_field(value) {
                let message = format!("There can be only one input field named \"{field}\".");
                self.error(directive, message);
            }
        }
    }
}

/// A field that an object inside the value has twice.
fn repeated_field<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::List(items) => items.iter().find_map(repeated_field),
        Value::Object(fields) => fields
            .iter()
            .enumerate()
            .find_map(|(index, (name, value))| {
                let repeated = fields[..index].iter().any(|(other, _)| other == name);
                repeated
                    .then_some(&**name)
                    .or_else(|| repeated_field(value))
            }),
        _ => None,
    }
}

/// Values of federation's arguments; its scalars have checks of their own.
fn federation_value_fits(ty: &str, value: &Value<'_>) -> bool {
    match (ty, value) {
        ("String!", value) => matches!(value, Value::String(_)),
        ("String", value) => matches!(value, Value::String(_) | Value::Null),
        ("Boolean", value) => matches!(value, Value::Boolean(_) | Value::Null),
        ("Int!", value) => matches!(value, Value::Int(_)),
        ("[[Scope!]!]!" | "[[Policy!]!]!", Value::List(alternatives)) => {
            alternatives.iter().all(|all| match all {
                Value::List(names) => names.iter().all(|n| matches!(n, Value::String(_))),
                _ => false,
            })
        }
        ("[[Scope!]!]!" | "[[Policy!]!]!", _) => false,
        _ => true,
    }
}
