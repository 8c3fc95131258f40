//! Limits that make hostile documents cheap to refuse, from cheapest to dearest:
//! bytes, tokens and nesting before parsing; depth, aliases, root fields and
//! selections (fragments expanded) before validation.

use std::collections::HashMap;

use graphql_tools::static_graphql::query;

use super::document::{directives_of, selection_of};
use crate::config::Limits;
use crate::error::{GraphqlError, code};

/// Nesting of any brackets the parser is let into; it recurses per level.
const MAX_NESTING: usize = 50;

/// Nested lists an introspection query may ask for; the answer grows with each.
const MAX_INTROSPECTION_LISTS: usize = 3;

/// Aliases inside of introspection: each may repeat the whole schema.
const MAX_INTROSPECTION_ALIASES: usize = 10;

/// Deferred fragments of an operation, fragments expanded: each object in a list
/// has a piece of the answer for each of them.
const MAX_DEFERRED: usize = 100;

fn refuse(message: String) -> GraphqlError {
    GraphqlError::new(message).with_code(code::OPERATION_TOO_LARGE)
}

/// Counts tokens and nesting without parsing.
pub(crate) fn check_text(text: &str, limits: &Limits) -> Result<(), GraphqlError> {
    if text.len() > limits.max_document_bytes {
        return Err(refuse(format!(
            "The document is longer than {} bytes.",
            limits.max_document_bytes
        )));
    }
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut nesting) = (0, 0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | 0xef | 0xbb | 0xbf => {
                at += 1;
                continue;
            }
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|b| !matches!(b, b'\n' | b'\r'))
                    .count();
                continue;
            }
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'(' | b'[' => {
                nesting += 1;
                at += 1;
            }
            b'}' | b')' | b']' => {
                nesting = nesting.saturating_sub(1);
                at += 1;
            }
            byte if is_word(*byte) => at += bytes[at..].iter().take_while(|b| is_word(**b)).count(),
            _ => at += 1,
        }
        tokens += 1;
        if tokens > limits.max_tokens {
            return Err(refuse(format!(
                "The document has more than {} tokens.",
                limits.max_tokens
            )));
        }
        if nesting > MAX_NESTING {
            return Err(refuse(format!(
                "The document nests deeper than {MAX_NESTING} levels."
            )));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    if rest.starts_with(b"\"\"\"") {
        let mut at = 3;
        while at < rest.len() {
            if rest[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if rest[at..].starts_with(b"\"\"\"") {
                return start + at + 3;
            } else {
                at += 1;
            }
        }
        return bytes.len();
    }
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return start + at + 1,
            b'\n' | b'\r' => return start + at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Checks a parsed document, with fragments counted where they are spread.
pub(crate) fn check_document(ast: &query::Document, limits: &Limits) -> Result<(), GraphqlError> {
    let mut fragments: HashMap<&str, &query::SelectionSet> = HashMap::new();
    for definition in &ast.definitions {
        if let query::Definition::Fragment(fragment) = definition {
            fragments.insert(&fragment.name, &fragment.selection_set);
        }
    }
    let mut counter = Counter {
        fragments,
        done: HashMap::new(),
        open: Vec::new(),
    };
    for definition in &ast.definitions {
        // Fragments that no operation spreads are measured too: later stages walk them.
        let (set, is_operation) = match definition {
            query::Definition::Operation(operation) => (selection_of(operation), true),
            query::Definition::Fragment(fragment) => (&fragment.selection_set, false),
        };
        let size = counter.measure(set)?;
        let over = |what: &str, found: usize, most: usize| {
            (found > most).then(|| {
                refuse(format!(
                    "The operation has {found} {what}; {most} are allowed."
                ))
            })
        };
        let depth = (size.depth > limits.max_depth).then(|| {
            refuse(format!(
                "The operation is {} levels deep; {} are allowed.",
                size.depth, limits.max_depth
            ))
        });
        let refused = depth
            .or_else(|| over("aliases", size.aliases, limits.max_aliases))
            .or_else(|| over("deferred fragments", size.deferred, MAX_DEFERRED))
            .or_else(|| over("selections", size.selections, limits.max_selections))
            // An answer would have the schema once for each.
            .or_else(|| over("\"__schema\" fields", size.schemas, 1))
            .or_else(|| {
                let most = MAX_INTROSPECTION_ALIASES;
                over("aliases in introspection", size.introspection_aliases, most)
            })
            .or_else(|| {
                is_operation
                    .then(|| over("root fields", size.roots, limits.max_root_fields))
                    .flatten()
            });
        if let Some(error) = refused {
            return Err(error);
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    depth: usize,
    aliases: usize,
    selections: usize,
    roots: usize,
    introspection_lists: usize,
    /// `__schema` fields.
    schemas: usize,
    /// Aliases inside of `__schema` and `__type`.
    introspection_aliases: usize,
    deferred: usize,
}

struct Counter<'a> {
    fragments: HashMap<&'a str, &'a query::SelectionSet>,
    done: HashMap<&'a str, Size>,
    open: Vec<&'a str>,
}

impl<'a> Counter<'a> {
    fn measure(&mut self, set: &'a query::SelectionSet) -> Result<Size, GraphqlError> {
        let mut total = Size::default();
        for selection in &set.items {
            let size = match selection {
                query::Selection::Field(field) => self.field(field)?,
                query::Selection::InlineFragment(fragment) => {
                    self.measure(&fragment.selection_set)?
                }
                query::Selection::FragmentSpread(spread) => self.spread(&spread.fragment_name)?,
            };
            total.depth = total.depth.max(size.depth);
            total.introspection_lists = total.introspection_lists.max(size.introspection_lists);
            total.aliases = total.aliases.saturating_add(size.aliases);
            total.schemas = total.schemas.saturating_add(size.schemas);
            total.introspection_aliases = total
                .introspection_aliases
                .saturating_add(size.introspection_aliases);
            let defers = |directive: &query::Directive| directive.name == "defer";
            let is_deferred = directives_of(selection).iter().any(defers);
            total.deferred = total
                .deferred
                .saturating_add(size.deferred)
                .saturating_add(usize::from(is_deferred));
            total.roots = total.roots.saturating_add(size.roots);
            total.selections = total
                .selections
                .saturating_add(size.selections.saturating_add(1));
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a query::Field) -> Result<Size, GraphqlError> {
        // The type of an object is read from its `__typename`, which decides what
        // may be seen: another field must not pass for it.
        if let Some(alias) = field.alias.as_ref().filter(|alias| alias.starts_with("__"))
            && *alias != field.name
        {
            let message = format!("The alias \"{alias}\" is reserved.");
            return Err(GraphqlError::new(message).with_code(code::GRAPHQL_VALIDATION_FAILED));
        }
        let mut size = self.measure(&field.selection_set)?;
        size.depth += 1;
        size.roots = 1;
        if matches!(field.name.as_str(), "__schema" | "__type") {
            size.introspection_aliases = size.aliases;
            size.schemas = usize::from(field.name == "__schema");
        }
        size.aliases = size
            .aliases
            .saturating_add(usize::from(field.alias.is_some()));
        match field.name.as_str() {
            "__schema" | "__type" if size.introspection_lists > MAX_INTROSPECTION_LISTS => {
                return Err(refuse(
                    "The introspection query nests too many lists.".into(),
                ));
            }
            "fields" | "interfaces" | "possibleTypes" | "inputFields" => {
                size.introspection_lists += 1
            }
            _ => {}
        }
        Ok(size)
    }

    fn spread(&mut self, name: &'a str) -> Result<Size, GraphqlError> {
        if let Some(size) = self.done.get(name) {
            return Ok(*size);
        }
        if self.open.contains(&name) {
            return Err(GraphqlError::new(format!(
                "Cannot spread fragment \"{name}\" within itself."
            ))
            .with_code(code::GRAPHQL_VALIDATION_FAILED));
        }
        // An unknown fragment is for validation to report.
        let Some(set) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        self.open.push(name);
        let size = self.measure(set)?;
        self.open.pop();
        self.done.insert(name, size);
        Ok(size)
    }
}
