//! Right answers on the shapes where gateways go wrong.

use serde_json::{Value, json};

use crate::harness::ask;
use crate::mocks::{Mock, mocked};

fn none(_: &Value) -> Value {
    Value::Null
}

#[tokio::test]
async fn nested_lists_of_entities() {
    let (router, mocks) = mocked(vec![
        (
            "grid",
            "type Query { rows: [[Cell!]!] } type Cell @key(fields: \"id\") { id: ID! }",
            Mock::new(
                json!({"rows": [[{"id": "a"}, {"id": "b"}], [], [{"id": "a"}]]}),
                none,
            ),
        ),
        (
            "names",
            "type Cell @key(fields: \"id\") { id: ID! name: String }",
            Mock::new(
                json!({}),
                |rep| json!({"name": format!("cell {}", rep["id"].as_str().unwrap())}),
            ),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ rows { name } }").await,
        json!({"data": {"rows": [[{"name": "cell a"}, {"name": "cell b"}], [], [{"name": "cell a"}]]}})
    );
    let asked = mocks[1].asked.lock();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1["representations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn entities_without_a_key_are_not_asked_for() {
    let (router, mocks) = mocked(vec![
        (
            "books",
            "type Query { books: [Book] } type Book @key(fields: \"upc\") { upc: ID title: String }",
            Mock::new(
                json!({"books": [{"upc": null, "title": "No key"}, null, {"upc": "1", "title": "One"}]}),
                none,
            ),
        ),
        (
            "prices",
            "type Book @key(fields: \"upc\") { upc: ID price: Int }",
            Mock::new(json!({}), |_| json!({"price": 5})),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ books { title price } }").await,
        json!({"data": {"books": [
            {"title": "No key", "price": null}, null, {"title": "One", "price": 5},
        ]}})
    );
    assert_eq!(
        mocks[1].asked.lock()[0].1,
        json!({"representations": [{"__typename": "Book", "upc": "1"}]})
    );
}

#[tokio::test]
async fn nothing_to_ask_means_no_request() {
    let (router, mocks) = mocked(vec![
        (
            "a",
            "type Query { thing: Thing } type Thing @key(fields: \"id\") { id: ID }",
            Mock::new(json!({"thing": null}), none),
        ),
        (
            "b",
            "type Thing @key(fields: \"id\") { id: ID name: String }",
            Mock::new(json!({}), none),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ thing { name } }").await,
        json!({"data": {"thing": null}})
    );
    assert!(mocks[1].asked.lock().is_empty());
}

#[tokio::test]
async fn compound_and_nested_keys_and_requirements() {
    let (router, mocks) = mocked(vec![
        (
            "orders",
            "type Query { order: Order } \
             type Order @key(fields: \"id org { id }\") { id: ID! org: Org! box: Box note: String } \
             type Org @shareable { id: ID! } type Box { w: Int h: Int }",
            Mock::new(
                json!({"order": {"id": 1, "org": {"id": "o", "name": "unused"}, "box": {"w": 2, "h": null}, "note": null}}),
                none,
            ),
        ),
        (
            "shipping",
            "type Order @key(fields: \"id org { id }\") { id: ID! org: Org! box: Box @external note: String @external \
               cost: Int @requires(fields: \"box { w h } note\") } \
             type Org @shareable { id: ID! } type Box { w: Int @external h: Int @external }",
            Mock::new(
                json!({}),
                |rep| json!({"cost": rep["box"]["w"].as_i64().unwrap() * 10}),
            ),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ order { cost } }").await,
        json!({"data": {"order": {"cost": 20}}})
    );
    assert_eq!(
        mocks[1].asked.lock()[0].1["representations"],
        json!([{"__typename": "Order", "id": 1, "org": {"id": "o"}, "box": {"w": 2, "h": null}, "note": null}]),
        "values go as they came, nulls too"
    );
}

#[tokio::test]
async fn fields_that_clash_between_types_behind_a_union() {
    let (router, _) = mocked(vec![(
        "a",
        "type Query { items: [Item] } union Item = A | B \
         type A @key(fields: \"id\") { id: ID! value: Int! } type B @key(fields: \"id\") { id: ID! value: Int other: String! }",
        Mock::new(
            json!({"items": [
                {"__typename": "A", "id": "1", "value": 1},
                {"__typename": "B", "id": "2", "value": null, "other": "x"},
            ]}),
            none,
        ),
    )]);
    // `v` is Int! in one type and String! in the other after aliasing: GraphQL refuses it.
    let answer = ask(
        &router,
        "{ items { ... on A { v: value } ... on B { v: other } } }",
    )
    .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    let answer = ask(
        &router,
        "{ items { __typename ... on A { a: value } ... on B { a2: value o: other } } }",
    );
    assert_eq!(
        answer.await,
        json!({"data": {"items": [
            {"__typename": "A", "a": 1}, {"__typename": "B", "a2": null, "o": "x"},
        ]}})
    );
}

#[tokio::test]
async fn arguments_that_differ_between_aliases() {
    let (router, mocks) = mocked(vec![
        (
            "a",
            "type Query { thing: Thing } type Thing @key(fields: \"id\") { id: ID! }",
            Mock::new(json!({"thing": {"id": "1"}}), none),
        ),
        (
            "b",
            "type Thing @key(fields: \"id\") { id: ID! size(unit: String): String }",
            Mock::new(json!({}), |_| json!({"size": "s"})),
        ),
    ]);
    let answer = ask(
        &router,
        "{ thing { cm: size(unit: \"cm\") inch: size(unit: \"in\") size } }",
    )
    .await;
    assert_eq!(
        answer,
        json!({"data": {"thing": {"cm": "s", "inch": "s", "size": "s"}}})
    );
    let text = mocks[1].asked.lock()[0].0.clone();
    assert!(
        text.contains("cm: size(unit: \"cm\")") && text.contains("inch: size"),
        "{text}"
    );
}

#[tokio::test]
async fn interface_objects() {
    let (router, _) = mocked(vec![
        (
            "media",
            "type Query { all: [Media] } interface Media @key(fields: \"id\") { id: ID! title: String } \
             type Book implements Media @key(fields: \"id\") { id: ID! title: String pages: Int } \
             type Film implements Media @key(fields: \"id\") { id: ID! title: String minutes: Int }",
            Mock::new(
                json!({"all": [
                    {"__typename": "Book", "id": "1", "title": "B", "pages": 3},
                    {"__typename": "Film", "id": "2", "title": "F", "minutes": 90},
                ]}),
                |rep| match rep["id"].as_str() {
                    Some("1") => json!({"__typename": "Book", "id": "1", "title": "B", "pages": 3}),
                    _ => json!({"__typename": "Film", "id": "2", "title": "F", "minutes": 90}),
                },
            )
            .implements(&[("Book", "Media"), ("Film", "Media")]),
        ),
        (
            "stars",
            "type Query { best: Media } type Media @key(fields: \"id\") @interfaceObject { id: ID! stars: Int }",
            Mock::new(
                json!({"best": {"__typename": "Media", "id": "2", "stars": 5}}),
                |rep| {
                    assert_eq!(rep["__typename"], "Media", "the interface's name is sent");
                    json!({"stars": if rep["id"] == "1" { 4 } else { 5 }})
                },
            ),
        ),
    ]);
    assert_eq!(
        ask(
            &router,
            "{ all { __typename title stars ... on Book { pages } } }"
        )
        .await,
        json!({"data": {"all": [
            {"__typename": "Book", "title": "B", "stars": 4, "pages": 3},
            {"__typename": "Film", "title": "F", "stars": 5},
        ]}})
    );
    // Only a subgraph that does not know the real type is needed for these.
    assert_eq!(
        ask(&router, "{ best { id stars } }").await,
        json!({"data": {"best": {"id": "2", "stars": 5}}})
    );
    assert_eq!(
        ask(
            &router,
            "{ best { __typename stars ... on Film { minutes } } }"
        )
        .await,
        json!({"data": {"best": {"__typename": "Film", "stars": 5, "minutes": 90}}})
    );
}

#[tokio::test]
async fn hidden_values_types_and_fields() {
    let (router, _) = mocked(vec![(
        "a",
        "type Query { states: [State!] things: [Thing] secret: String @inaccessible } \
         enum State { ON OFF @inaccessible } \
         interface Thing { id: ID } type Open implements Thing { id: ID } \
         type Hidden implements Thing @inaccessible { id: ID }",
        Mock::new(
            json!({"states": ["ON", "OFF"], "things": [
                {"__typename": "Open", "id": "1"}, {"__typename": "Hidden", "id": "2"},
            ]}),
            none,
        )
        .implements(&[("Open", "Thing"), ("Hidden", "Thing")]),
    )]);
    let answer = ask(&router, "{ states things { id } }").await;
    assert_eq!(
        answer["data"],
        json!({"states": null, "things": [{"id": "1"}, null]})
    );
    // Told only where a null is forbidden: the hidden thing is simply not there.
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["errors"][0]["path"], json!(["states"]));
    let answer = ask(&router, "{ secret }").await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn scalars_of_any_shape_and_nulls_in_lists() {
    let (router, _) = mocked(vec![(
        "a",
        "scalar JSON type Query { any: JSON big: JSON must: [Int!] may: [Int]! nested: [[Int!]] text: String }",
        Mock::new(
            json!({
                "any": {"a": [1, {"b": null}], "__typename": "x"}, "big": 12345678901234567890_u64,
                "must": [1, null], "may": [null], "nested": [[1], [null], null],
                "text": "null \u{1F600} \"quoted\" \n",
            }),
            none,
        ),
    )]);
    let answer = ask(&router, "{ any big must may nested text }").await;
    assert_eq!(
        answer["data"],
        json!({
            "any": {"a": [1, {"b": null}], "__typename": "x"}, "big": 12345678901234567890_u64,
            "must": null, "may": [null], "nested": [[1], null, null],
            "text": "null \u{1F600} \"quoted\" \n",
        })
    );
}

#[tokio::test]
async fn shared_objects_are_merged_from_all_subgraphs() {
    let (router, _) = mocked(vec![
        (
            "a",
            "type Query { viewer: Viewer @shareable } type Viewer { cart: Int }",
            Mock::new(json!({"viewer": {"cart": 1}}), none),
        ),
        (
            "b",
            "type Query { viewer: Viewer @shareable } type Viewer { posts: Int }",
            Mock::new(json!({"viewer": {"posts": 2}}), none),
        ),
        (
            "c",
            "type Query { viewer: Viewer @shareable } type Viewer { friends: Int }",
            Mock::new(json!({"viewer": null}), none),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ viewer { cart posts friends } }").await,
        json!({"data": {"viewer": {"cart": 1, "posts": 2, "friends": null}}})
    );
}

#[tokio::test]
async fn fragments_and_repeated_fields_are_merged_in_order() {
    let (router, _) = mocked(vec![
        (
            "a",
            "type Query { user: User } type User @key(fields: \"id\") { id: ID! name: String friend: User }",
            Mock::new(
                json!({"user": {"id": "1", "name": "A", "friend": {"id": "2", "name": "B", "friend": null}}}),
                none,
            ),
        ),
        (
            "b",
            "type User @key(fields: \"id\") { id: ID! age: Int }",
            Mock::new(
                json!({}),
                |rep| json!({"age": rep["id"].as_str().unwrap().parse::<i32>().unwrap() * 10}),
            ),
        ),
    ]);
    let answer = ask(
        &router,
        "{ user { friend { age } ...F } ... on Query { user { id friend { name } } } __typename } \
         fragment F on User { name friend { friend { age } id } }",
    )
    .await;
    assert_eq!(
        answer.to_string(),
        json!({"data": {
            "user": {"friend": {"age": 20, "friend": null, "id": "2", "name": "B"}, "name": "A", "id": "1"},
            "__typename": "Query",
        }})
        .to_string()
    );
}

#[tokio::test]
async fn aliases_that_hide_a_key() {
    let (router, mocks) = mocked(vec![
        (
            "a",
            "type Query { thing: Thing } type Thing @key(fields: \"id\") { id: ID! name: String }",
            Mock::new(json!({"thing": {"id": "1", "name": "not an id"}}), none),
        ),
        (
            "b",
            "type Thing @key(fields: \"id\") { id: ID! size: Int }",
            Mock::new(
                json!({}),
                |rep| json!({"size": if rep["id"] == "1" { 7 } else { 0 }}),
            ),
        ),
    ]);
    assert_eq!(
        ask(&router, "{ thing { id: name size } }").await,
        json!({"data": {"thing": {"id": "not an id", "size": 7}}})
    );
    assert_eq!(mocks[1].asked.lock()[0].1["representations"][0]["id"], "1");
    let answer = ask(&router, "{ thing { __typename: name size } }").await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
}
