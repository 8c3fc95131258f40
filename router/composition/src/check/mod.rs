//! Compares two versions of a schema: what breaks clients, what may, what not.

mod arguments;
mod members;

use std::collections::BTreeMap;
use std::fmt;

use crate::api::api_document;
use crate::syntax::{Document, TypeDefinition, parse_document};

/// What a change does to clients that work with the old schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// An operation that was valid no longer is, or its result may surprise.
    Breaking,
    /// Valid operations stay valid, but a client may meet what it does not expect.
    Dangerous,
    /// No client can tell.
    Safe,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Breaking => "breaking",
            Self::Dangerous => "dangerous",
            Self::Safe => "safe",
        })
    }
}

/// One difference between two versions of a schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What it does to clients.
    pub severity: Severity,
    /// Where, as `Type.field(argument:)`.
    pub coordinate: String,
    /// What changed.
    pub message: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.severity, self.coordinate, self.message
        )
    }
}

/// Every difference between two API schemas, the breaking ones first. Both may
/// also be supergraphs: then what clients see of them is compared.
///
/// A schema that does not parse is a breaking change by itself, with the
/// coordinate `schema`.
#[must_use]
pub fn breaking_changes(old_api_or_supergraph: &str, new: &str) -> Vec<Change> {
    let mut changes = Changes::default();
    match (parse_document(old_api_or_supergraph), parse_document(new)) {
        (Ok(old), Ok(new)) => compare(&api_document(&old), &api_document(&new), &mut changes),
        (old, new) => {
            for (which, parsed) in [("old", old), ("new", new)] {
                if let Err(error) = parsed {
                    let message = format!("The {which} schema does not parse: {}", error.message);
                    changes.breaking("schema", message);
                }
            }
        }
    }
    changes.0.sort();
    changes.0
}

/// The changes found so far.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, severity: Severity, coordinate: &str, message: impl Into<String>) {
        self.0.push(Change {
            severity,
            coordinate: coordinate.to_owned(),
            message: message.into(),
        });
    }

    fn breaking(&mut self, coordinate: &str, message: impl Into<String>) {
        self.add(Severity::Breaking, coordinate, message);
    }

    fn dangerous(&mut self, coordinate: &str, message: impl Into<String>) {
        self.add(Severity::Dangerous, coordinate, message);
    }

    fn safe(&mut self, coordinate: &str, message: impl Into<String>) {
        self.add(Severity::Safe, coordinate, message);
    }
}

/// Pairs of elements of the same name; on one side only where the other lacks it.
fn pairs<'t, T>(
    old: &'t [T],
    new: &'t [T],
    name: impl Fn(&'t T) -> &'t str,
) -> BTreeMap<&'t str, (Option<&'t T>, Option<&'t T>)> {
    let mut pairs: BTreeMap<&str, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for element in old {
        pairs.entry(name(element)).or_default().0 = Some(element);
    }
    for element in new {
        pairs.entry(name(element)).or_default().1 = Some(element);
    }
    pairs
}

fn compare(old: &Document<'_>, new: &Document<'_>, changes: &mut Changes) {
    for (name, pair) in pairs(&old.types, &new.types, |ty| ty.name.text) {
        match pair {
            (Some(_), None) => changes.breaking(name, "The type was removed."),
            (None, Some(_)) => changes.safe(name, "The type was added."),
            (Some(old), Some(new)) => compare_types(old, new, changes),
            (None, None) => {}
        }
    }
    for (name, pair) in pairs(&old.directives, &new.directives, |d| d.name.text) {
        let coordinate = format!("@{name}");
        let (Some(old), Some(new)) = pair else {
            if let Some(old) = pair.0.filter(|d| crate::api::is_executable(&d.locations)) {
                let message = format!("The directive @{} was removed.", old.name.text);
                changes.breaking(&coordinate, message);
            }
            continue;
        };
        for location in &old.locations {
            let executable = crate::api::is_executable(&[location]);
            if executable && !new.locations.contains(location) {
                let message = format!("The directive may no longer stand on {location}.");
                changes.breaking(&coordinate, message);
            }
        }
        arguments::compare(&coordinate, &old.arguments, &new.arguments, changes);
    }
}

fn compare_types(old: &TypeDefinition<'_>, new: &TypeDefinition<'_>, changes: &mut Changes) {
    let name = old.name.text;
    if old.kind != new.kind {
        let message = format!(
            "The type changed from {} to {}.",
            old.kind.keyword(),
            new.kind.keyword()
        );
        return changes.breaking(name, message);
    }
    if old.description != new.description {
        changes.safe(name, "The description changed.");
    }
    members::compare(old, new, changes);
}
