//! From the SDL that async-graphql exports to the one that is committed and composed.
//!
//! async-graphql links Federation 2.5 whatever a schema uses, and has no attribute for
//! `@authenticated`, `@policy`, `@cost` and `@listSize`: a subgraph declares those as directives of
//! its own by the same name and shape. Here the link becomes v2.9 with exactly what is used, and the
//! local definitions go.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use atelier_composition::syntax::{
    Directive, Document, Name, SchemaDefinition, TypeDefinition, Value, line_column,
    parse_document, print_document,
};

use crate::{
    applied::{Applied, applied, directive_name},
    federation::{BUILT_IN, DIRECTIVES, IDENTITY, VERSION},
};

/// Why a subgraph's SDL cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// It does not parse.
    #[error("subgraph {subgraph}, line {line}, column {column}: {message}")]
    Syntax {
        /// The subgraph's name.
        subgraph: String,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
        /// What was expected.
        message: String,
    },
    /// A directive that composition would leave out without a word.
    #[error(
        "subgraph {subgraph}: @{directive} at {coordinate} is neither a directive of Federation {VERSION} nor composed: \
         declare it with `composable = \"https://…\"` or remove it"
    )]
    Unknown {
        /// The subgraph's name.
        subgraph: String,
        /// The directive's name.
        directive: String,
        /// Where it is applied first.
        coordinate: String,
    },
    /// An applied directive did not survive the rewriting; a fault in this crate.
    #[error("subgraph {subgraph}: {coordinate} had {before:?} and now has {after:?}")]
    Lost {
        /// The subgraph's name.
        subgraph: String,
        /// Where.
        coordinate: String,
        /// The directives as exported.
        before: Vec<String>,
        /// The directives as printed.
        after: Vec<String>,
    },
}

/// The subgraph's SDL as it is committed: Federation 2.9 with exactly the imports that are used,
/// root types first and the others by name, so that the same schema always gives the same text.
///
/// # Errors
/// See [`PrepareError`].
pub fn prepare_subgraph(name: &str, raw_sdl: &str) -> Result<String, PrepareError> {
    let mut document = parse(name, raw_sdl)?;
    let before = applied(&document);
    let composed = composed_directives(&document);
    let used = used_directives(name, &before, &composed)?;
    document
        .directives
        .retain(|definition| composed.contains(definition.name.text));
    document
        .directives
        .sort_by_key(|definition| definition.name.text);
    document.schemas = vec![schema(&document.schemas, &used)];
    merge_extensions(&mut document.types);
    describe_times(&mut document.types);
    document
        .types
        .sort_by_key(|ty| (root_order(ty.name.text), ty.name.text));
    let sdl = print_document(&document);
    survived(name, before, &applied(&parse(name, &sdl)?))?;
    Ok(sdl)
}

fn parse<'a>(subgraph: &str, sdl: &'a str) -> Result<Document<'a>, PrepareError> {
    parse_document(sdl).map_err(|error| {
        let (line, column) = line_column(sdl, error.pos);
        PrepareError::Syntax {
            subgraph: subgraph.to_owned(),
            line,
            column,
            message: error.message,
        }
    })
}

/// Names that `@composeDirective` carries into the supergraph.
fn composed_directives<'a>(document: &Document<'a>) -> BTreeSet<String> {
    document
        .schemas
        .iter()
        .flat_map(|schema| &schema.directives)
        .filter(|directive| directive.name.text == "composeDirective")
        .filter_map(|directive| directive.string("name"))
        .map(|name| name.trim_start_matches('@').to_owned())
        .collect()
}

/// Federation directives that are applied somewhere.
fn used_directives(
    subgraph: &str,
    applied: &Applied,
    composed: &BTreeSet<String>,
) -> Result<BTreeSet<String>, PrepareError> {
    let mut used = BTreeSet::new();
    if !composed.is_empty() {
        used.insert("composeDirective".to_owned());
    }
    for (coordinate, directives) in applied {
        for directive in directives {
            let name = directive_name(directive);
            if DIRECTIVES.contains(&name) {
                used.insert(name.to_owned());
            } else if !BUILT_IN.contains(&name) && !composed.contains(name) {
                return Err(PrepareError::Unknown {
                    subgraph: subgraph.to_owned(),
                    directive: name.to_owned(),
                    coordinate: coordinate.clone(),
                });
            }
        }
    }
    Ok(used)
}

/// All schema definitions and extensions in one `extend schema`, with the new link first.
fn schema<'a>(schemas: &[SchemaDefinition<'a>], used: &BTreeSet<String>) -> SchemaDefinition<'a> {
    let imports = DIRECTIVES
        .iter()
        .filter(|name| used.contains(**name))
        .map(|name| Value::String(Cow::Owned(format!("@{name}"))))
        .collect();
    let link = Directive {
        name: name("link"),
        arguments: vec![
            (
                name("url"),
                Value::String(Cow::Owned(format!("{IDENTITY}{VERSION}"))),
            ),
            (name("import"), Value::List(imports)),
        ],
    };
    let others = schemas
        .iter()
        .flat_map(|schema| &schema.directives)
        .filter(|directive| !links_federation(directive));
    SchemaDefinition {
        pos: 0,
        extend: schemas.iter().all(|schema| schema.operations.is_empty()),
        description: schemas.iter().find_map(|schema| schema.description.clone()),
        directives: std::iter::once(link).chain(others.cloned()).collect(),
        operations: schemas
            .iter()
            .flat_map(|schema| schema.operations.iter().copied())
            .collect(),
    }
}

fn links_federation(directive: &Directive<'_>) -> bool {
    directive.name.text == "link"
        && directive
            .string("url")
            .is_some_and(|url| url.starts_with(IDENTITY))
}

fn name(text: &str) -> Name<'_> {
    Name { text, pos: 0 }
}

/// `extend type X` in a document that also defines `X` becomes part of the definition.
fn merge_extensions(types: &mut Vec<TypeDefinition<'_>>) {
    let mut defined: BTreeMap<String, usize> = BTreeMap::new();
    let mut merged: Vec<TypeDefinition<'_>> = Vec::with_capacity(types.len());
    types.sort_by_key(|ty| ty.extend);
    for mut ty in types.drain(..) {
        match defined.get(ty.name.text) {
            Some(&index) => {
                let whole = &mut merged[index];
                whole.directives.append(&mut ty.directives);
                whole.interfaces.append(&mut ty.interfaces);
                whole.fields.append(&mut ty.fields);
                whole.inputs.append(&mut ty.inputs);
                whole.values.append(&mut ty.values);
                whole.members.append(&mut ty.members);
            }
            None => {
                defined.insert(ty.name.text.to_owned(), merged.len());
                merged.push(ty);
            }
        }
    }
    *types = merged;
}

/// async-graphql's description of its scalar for times is written for Rust programmers.
fn describe_times(types: &mut [TypeDefinition<'_>]) {
    for ty in types.iter_mut().filter(|ty| ty.name.text == "DateTime") {
        ty.description = Some(Cow::Borrowed(
            "A point in time in RFC 3339 format, in UTC and with microseconds: `2026-01-31T12:00:00.123456Z`.",
        ));
        if ty.directives.is_empty() {
            ty.directives.push(Directive {
                name: name("specifiedBy"),
                arguments: vec![(
                    name("url"),
                    Value::String(Cow::Borrowed(
                        "https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
                    )),
                )],
            });
        }
    }
}

fn root_order(name: &str) -> usize {
    ["Query", "Mutation", "Subscription"]
        .iter()
        .position(|root| *root == name)
        .unwrap_or(3)
}

/// Every directive that was applied is applied still, with the same arguments.
fn survived(subgraph: &str, before: Applied, after: &Applied) -> Result<(), PrepareError> {
    for (coordinate, mut expected) in before {
        let mut left = after.get(&coordinate).cloned().unwrap_or_default();
        expected.sort();
        left.sort();
        if expected != left {
            return Err(PrepareError::Lost {
                subgraph: subgraph.to_owned(),
                coordinate,
                before: expected,
                after: left,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As async-graphql 7.2.1 exports it.
    const EXPORTED: &str = include_str!("../tests/fixtures/exported.graphql");

    #[test]
    fn an_exported_schema_becomes_federation_2_9_with_only_what_it_uses() {
        let sdl = prepare_subgraph("uploads", EXPORTED).unwrap();
        assert!(sdl.starts_with(concat!(
            "extend schema\n",
            "  @link(url: \"https://specs.apollo.dev/federation/v2.9\", import: [\"@key\", \"@shareable\", \"@tag\", ",
            "\"@authenticated\", \"@requiresScopes\", \"@policy\", \"@cost\", \"@listSize\", \"@composeDirective\"])\n",
            "  @link(url: \"https://specs.atelier.dev/resumable/v0.1\", import: [\"@resumable\"])\n",
            "  @composeDirective(name: \"@resumable\")\n",
        )), "{sdl}");
    }

    #[test]
    fn definitions_of_known_directives_go_and_composed_ones_stay() {
        let sdl = prepare_subgraph("uploads", EXPORTED).unwrap();
        let definitions: Vec<&str> = sdl
            .lines()
            .filter(|line| line.starts_with("directive "))
            .collect();
        assert_eq!(
            definitions,
            ["directive @resumable(arg: String!, cursor: String!) on FIELD_DEFINITION"]
        );
    }

    #[test]
    fn every_applied_directive_is_still_there() {
        let sdl = prepare_subgraph("uploads", EXPORTED).unwrap();
        for line in [
            "last: Int @cost(weight: 3)",
            "@authenticated @listSize(slicingArguments: [\"first\", \"last\"], sizedFields: [\"nodes\"], requireOneSlicingArgument: false)",
            "@requiresScopes(scopes: [[\"a:b\", \"c\"]])",
            "@deprecated(reason: \"old\") @policy(policies: [[\"a\"]])",
            "input Choice @oneOf {",
        ] {
            assert!(sdl.contains(line), "{line}\n{sdl}");
        }
    }

    #[test]
    fn preparing_again_changes_nothing() {
        let once = prepare_subgraph("uploads", EXPORTED).unwrap();
        assert_eq!(prepare_subgraph("uploads", &once).unwrap(), once);
    }

    #[test]
    fn the_order_of_types_in_the_source_does_not_matter() {
        let one =
            prepare_subgraph("a", "type Query { b: B } type B { c: Int } enum A { X }").unwrap();
        let other =
            prepare_subgraph("a", "enum A { X } type B { c: Int } type Query { b: B }").unwrap();
        assert_eq!(one, other);
        let order: Vec<usize> = ["type Query", "enum A", "type B"]
            .iter()
            .filter_map(|ty| one.find(ty))
            .collect();
        assert!(order.is_sorted() && order.len() == 3, "{one}");
    }

    #[test]
    fn a_directive_that_composition_would_drop_is_refused() {
        let error = prepare_subgraph(
            "a",
            "directive @mine on FIELD_DEFINITION type Query { b: Int @mine }",
        )
        .unwrap_err();
        assert_eq!(
            error,
            PrepareError::Unknown {
                subgraph: "a".into(),
                directive: "mine".into(),
                coordinate: "Query.b".into()
            }
        );
    }

    #[test]
    fn a_syntax_error_says_where() {
        let error = prepare_subgraph("a", "type Query {\n  b: }").unwrap_err();
        assert!(
            matches!(
                error,
                PrepareError::Syntax {
                    line: 2,
                    column: 6,
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[test]
    fn times_are_described_for_those_who_read_the_schema() {
        let sdl = prepare_subgraph(
            "a",
            "type Query { at: DateTime } \"Implement the DateTime<Utc> scalar\" scalar DateTime",
        )
        .unwrap();
        assert!(
            sdl.contains("RFC 3339") && !sdl.contains("Implement"),
            "{sdl}"
        );
        assert!(sdl.contains("scalar DateTime @specifiedBy(url: "), "{sdl}");
        assert_eq!(prepare_subgraph("a", &sdl).unwrap(), sdl);
    }

    #[test]
    fn extensions_join_their_definition() {
        let sdl = prepare_subgraph(
            "a",
            "extend type A { c: Int } type Query { a: A } type A @shareable { b: Int }",
        )
        .unwrap();
        assert!(
            sdl.contains("type A @shareable {\n  b: Int\n  c: Int\n}"),
            "{sdl}"
        );
    }
}
