//! Objects resolve as async-graphql resolves them, but for what the crate says
//! it does differently. The same schema exists twice: for async-graphql itself,
//! and for this crate.

use std::sync::Arc;
use std::time::Duration;

use atelier_objects::parser::parse_query;
use atelier_objects::parser::types::{Field, SelectionSet};
use atelier_objects::positional::{self, Positional};
use atelier_objects::{Panicked, PathSegment, Request, Response, Value};
use tokio::sync::Barrier;

mod ours {
    use atelier_objects as async_graphql;
    include!("types.rs");
}

mod theirs {
    use stock as async_graphql;
    include!("types.rs");
}

/// Where a number of resolvers wait for each other.
#[derive(Clone)]
pub struct Meeting(Arc<Barrier>);

impl Meeting {
    fn of(number: usize) -> Self {
        Self(Arc::new(Barrier::new(number)))
    }

    async fn meet(&self) {
        self.0.wait().await;
    }
}

async fn ask(query: &str, meeting: Meeting) -> Response {
    let schema = ours::schema(meeting);
    let asked = schema.execute(Request::new(query));
    let answer = tokio::time::timeout(Duration::from_secs(30), asked).await;
    answer.expect("the resolvers run side by side")
}

fn json(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("it is JSON")
}

/// Whatever is asked without waiting and panics, the answer is async-graphql's.
#[tokio::test]
async fn answers_are_those_of_async_graphql() {
    let queries = [
        "{ books { id title author { name books { title } } } }",
        "{ one: book(id: 1) { a: id b: id __typename } none: book(id: 9) { id } }",
        "{ books { ...B } } fragment B on Book { title author { ... { name } id } }",
        "{ books { ... on Item { id } ... on Book { title } } }",
        "{ items { __typename id ... on Book { title author { id } } ... on Author { name } } }",
        "{ items { ... on Item { id ... on Author { books { id } } } } }",
        "{ found { __typename ... on Author { name } ... on Item { id } } }",
        "{ books { author { id } ...B author { name } } } fragment B on Book { author { books { id } } }",
        "{ book(id: 2) { author { books { id } books { title } } } }",
        "{ book(id: 1) { id price } books { price } }",
        "{ book(id: 1) { title @shout author { name @shout id } } }",
        "{ book(id: 1) { id @skip(if: true) title @include(if: true) } }",
        r#"{ _entities(representations: [{__typename: "Book", id: 3}]) { ... on Book { title } } }"#,
        "{ book(id: 1) { ...Unknown } }",
        "{ book(id: 1) { missing } }",
    ];
    for query in queries {
        let theirs = theirs::schema(Meeting::of(1)).execute(query).await;
        let ours = ours::schema(Meeting::of(1)).execute(query).await;
        assert_eq!(json(&ours), json(&theirs), "{query}");
    }
}

#[tokio::test]
async fn a_panic_loses_one_field() {
    let answer = ask(
        "{ books { id } book(id: 1) { n: pages title } }",
        Meeting::of(1),
    )
    .await;
    let books = json([1, 2, 3].map(|id| serde_json::json!({"id": id})));
    assert_eq!(
        json(&answer.data),
        serde_json::json!({"books": books, "book": {"title": "Emma"}})
    );
    let [error] = answer.errors.as_slice() else {
        panic!("one error: {:?}", answer.errors)
    };
    assert_eq!(error.source::<Panicked>(), Some(&Panicked));
    let path = ["book", "n"].map(|key| PathSegment::Field(key.to_owned()));
    assert_eq!(error.path, path);
    assert!(!error.message.contains("len is 2"));
}

#[tokio::test]
async fn fields_of_an_object_run_side_by_side() {
    for number in [2, 3, 32, 33, 34, 200] {
        let fields: Vec<String> = (0..number)
            .map(|at| format!("m{at}: meets(who: {at})"))
            .collect();
        let query = format!("{{ book(id: 1) {{ id {} title }} }}", fields.join(" "));
        let answer = ask(&query, Meeting::of(number)).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        let book = &json(&answer.data)["book"];
        assert_eq!(book["title"], "Emma");
        for at in 0..number {
            assert_eq!(book[format!("m{at}")], at);
        }
    }
}

#[tokio::test]
async fn objects_of_a_list_run_side_by_side() {
    let answer = ask(
        "{ books { meets author { books { id } } } }",
        Meeting::of(3),
    )
    .await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
}

#[tokio::test]
async fn fields_that_wait_keep_the_order_of_the_request() {
    let answer = ask(
        "{ book(id: 1) { z: meets id y: meets title } }",
        Meeting::of(2),
    )
    .await;
    let text = serde_json::to_string(&answer.data).expect("it is JSON");
    assert_eq!(text, r#"{"book":{"z":1,"id":1,"y":1,"title":"Emma"}}"#);
}

/// The tree that values without keys stand for.
fn with_keys(
    value: &Value,
    selections: &SelectionSet,
    fragments: &positional::Fragments,
) -> serde_json::Value {
    if let Some(values) = positional::values(value) {
        let fields = positional::fields(selections, fragments).expect("fields only");
        let field = |(field, value): (&Field, &Value)| {
            let selected = &field.selection_set.node;
            let key = field.response_key().node.to_string();
            (key, with_keys(value, selected, fragments))
        };
        return fields.zip(values).map(field).collect();
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let selected = positional::selected(selections, fragments, key);
                let selected = selected.expect("it was selected");
                (key.to_string(), with_keys(value, selected, fragments))
            })
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| with_keys(item, selections, fragments))
            .collect(),
        leaf => json(leaf),
    }
}

#[tokio::test]
async fn objects_without_keys_have_the_same_values() {
    let queries = [
        "{ books { id title author { name books { title } } } }",
        "{ one: book(id: 1) { a: id __typename } none: book(id: 9) { id } }",
        "{ books { ...B } } fragment B on Book { title author { ... { name } } }",
        "{ items { __typename id ... on Book { title author { id } } ... on Author { name } } }",
        "{ found { ... on Author { name books { id title } } } }",
        r#"{ _entities(representations: [{__typename: "Book", id: 3}]) { ... on Book { title author { id } } } }"#,
    ];
    for query in queries {
        let document = parse_query(query).expect("it is a document");
        assert!(positional::fits(&document), "{query}");
        let schema = ours::schema(Meeting::of(1));
        let plain = schema.execute(query).await;
        let asked = Request::new(query).data(Positional);
        let answer = schema.execute(asked).await;
        let text = serde_json::to_string(&answer.data).expect("it is JSON");
        assert!(text.contains("[true,"), "{query}: {text}");
        let (_, operation) = document.operations.iter().next().expect("one operation");
        let selections = &operation.node.selection_set.node;
        let answer = with_keys(&answer.data, selections, &document.fragments);
        assert_eq!(answer, json(&plain.data), "{query}");
    }
}

#[test]
fn what_cannot_be_told_by_position_does_not_fit() {
    let mut bomb = "{ books { ...F0 } }".to_owned();
    for at in 0..20 {
        let next = at + 1;
        bomb += &format!(" fragment F{at} on Book {{ ...F{next} ... on Book {{ ...F{next} }} }}");
    }
    bomb += " fragment F20 on Book { id }";
    let documents = [
        "{ books { id @skip(if: true) title } }",
        "query @shout { books { id } }",
        "{ books { author { id } ... on Book { author { name } } } }",
        "{ a: books { id } ...F } fragment F on Query { a: books { title } }",
        "{ books { ...Unknown } }",
        "query A { books { id } } query B { books { id } }",
        &bomb,
    ];
    for document in documents {
        assert!(!positional::fits(
            &parse_query(document).expect("it is a document")
        ));
    }
}
