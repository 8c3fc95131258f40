//! Every case once more with `@defer`: around each field alone, then around all
//! at once. The pieces put together must be what one answer would have been.

use std::cell::Cell;

use async_graphql::Value as Ordered;
use atelier_router::{ClientRequest, IncrementalFormat, Outcome, Router};
use futures::StreamExt;
use graphql_tools::static_graphql::query;
use serde_json::Value;

use crate::pieces;
use crate::suite::{Case, Suite, Transport};

/// Suites whose subgraphs answer the same field differently by another way, or
/// not at all, which a real subgraph with their schema may not.
const UNLIKE_THEIR_SCHEMAS: [&str; 3] = [
    // No entity resolver for Playlist, which has a key.
    "interface-object-indirect-extension",
    // Category.name is not external, yet only known below Query.products.
    "nested-provides",
    // Container.wrapper has other members from the root than by key.
    "partial-union-complex",
];

/// Runs the cases that expect no errors; gives what went wrong.
pub async fn run(name: &str) -> Vec<String> {
    let mut failures = Vec::new();
    if UNLIKE_THEIR_SCHEMAS.contains(&name) {
        return failures;
    }
    let suite = Suite::read(name);
    let gateway = suite.gateway(Transport::InProcess).await;
    let queries = |case: &&Case| !case.errors && case.mutations.is_none();
    for case in suite.cases.iter().filter(queries) {
        for document in variants(&case.query) {
            for format in [IncrementalFormat::ByPath, IncrementalFormat::ById] {
                gateway.forget();
                let expected = serde_json::to_value::<&Ordered>(&case.data).unwrap();
                let mut request = ClientRequest::new(document.as_str());
                request.params.variables =
                    case.variables.as_ref().and_then(|v| v.as_object().cloned());
                request.incremental = Some(format);
                if let Err(problem) = compare(&expected, &gateway.router, request).await {
                    failures.push(format!("{document}\n{problem}{}", gateway.asked()));
                }
            }
        }
    }
    failures
}

/// Whether the pieces of an answer come to what is expected.
pub async fn compare(
    expected: &Value,
    router: &Router,
    request: ClientRequest,
) -> Result<(), String> {
    let format = request.incremental.expect("an incremental format");
    let messages: Vec<Value> = match router.execute(request).await {
        Outcome::Single(response) => vec![serde_json::from_slice(&response.body).unwrap()],
        Outcome::Incremental(messages, _) => {
            let json = |message: bytes::Bytes| serde_json::from_slice(&message).unwrap();
            messages.map(json).collect().await
        }
        Outcome::Stream(..) => return Err("  a subscription".into()),
    };
    let data = match format {
        IncrementalFormat::ByPath => pieces::by_path(&messages)?,
        IncrementalFormat::ById => pieces::by_id(&messages)?,
    };
    if data == *expected {
        return Ok(());
    }
    Err(format!("  expected {expected}\n  got      {data}"))
}

/// The document with `@defer` around each field alone, then around all; last
/// with all of that beside the same deferred as a whole, twice.
fn variants(text: &str) -> Vec<String> {
    let document = graphql_tools::parser::parse_query::<String>(text)
        .unwrap()
        .into_static();
    let count = Cell::new(0);
    defer(&document, &|_| false, &count);
    let count = count.get();
    let one = |wanted: usize| defer(&document, &|at| at == wanted, &Cell::new(0));
    let mut all: Vec<String> = (0..count).map(one).collect();
    all.push(defer(&document, &|_| true, &Cell::new(0)));
    all.extend(overlapping(&document));
    all
}

/// The document with `@defer` around the selections that are wanted, by their
/// number.
pub fn with_defer(text: &str, wanted: &dyn Fn(usize) -> bool) -> String {
    let document = graphql_tools::parser::parse_query::<String>(text)
        .unwrap()
        .into_static();
    defer(&document, wanted, &Cell::new(0))
}

/// `{ … }` as `{ … @defer { … }  … @defer { … with @defer around all } }`.
fn overlapping(document: &query::Document) -> Option<String> {
    let mut document = document.clone();
    for definition in &mut document.definitions {
        let set = match definition {
            query::Definition::Operation(query::OperationDefinition::SelectionSet(set)) => set,
            query::Definition::Operation(query::OperationDefinition::Query(query)) => {
                &mut query.selection_set
            }
            query::Definition::Operation(_) => return None,
            query::Definition::Fragment(_) => continue,
        };
        let mut inner = set.clone();
        set_in(&mut inner, &|_| true, &Cell::new(0));
        let whole = deferred(set.clone());
        set.items = vec![whole, deferred(inner)];
    }
    Some(document.to_string())
}

fn deferred(set: query::SelectionSet) -> query::Selection {
    query::Selection::InlineFragment(query::InlineFragment {
        position: Default::default(),
        type_condition: None,
        directives: vec![query::Directive {
            position: Default::default(),
            name: "defer".to_owned(),
            arguments: Vec::new(),
        }],
        selection_set: set,
    })
}

fn defer(document: &query::Document, wanted: &dyn Fn(usize) -> bool, next: &Cell<usize>) -> String {
    let mut document = document.clone();
    for definition in &mut document.definitions {
        match definition {
            query::Definition::Operation(operation) => match operation {
                query::OperationDefinition::SelectionSet(set) => set_in(set, wanted, next),
                query::OperationDefinition::Query(query) => {
                    set_in(&mut query.selection_set, wanted, next);
                }
                query::OperationDefinition::Mutation(mutation) => {
                    // Root fields of mutations cannot be deferred, their own can.
                    for item in &mut mutation.selection_set.items {
                        if let query::Selection::Field(field) = item {
                            set_in(&mut field.selection_set, wanted, next);
                        }
                    }
                }
                query::OperationDefinition::Subscription(_) => {}
            },
            query::Definition::Fragment(fragment) => {
                set_in(&mut fragment.selection_set, wanted, next);
            }
        }
    }
    document.to_string()
}

fn set_in(set: &mut query::SelectionSet, wanted: &dyn Fn(usize) -> bool, next: &Cell<usize>) {
    for item in &mut set.items {
        let at = next.get();
        next.set(at + 1);
        match item {
            query::Selection::Field(field) if field.name.starts_with("__") => continue,
            query::Selection::Field(field) => set_in(&mut field.selection_set, wanted, next),
            query::Selection::InlineFragment(fragment) => {
                set_in(&mut fragment.selection_set, wanted, next);
            }
            query::Selection::FragmentSpread(_) => {}
        }
        if wanted(at) {
            *item = deferred(query::SelectionSet {
                span: set.span,
                items: vec![item.clone()],
            });
        }
    }
}
