//! The mock subgraphs refuse what a wrong plan would ask.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::schema::Schema;
use crate::subgraph::{Log, Subgraph};
use crate::tables::Tables;

const SDL: &str = r#"
type Query { review: Review product: Product media: Media }
type Mutation { rename(name: String!): Product }
type Review { id: ID! product: Product @provides(fields: "name") }
type Product @key(fields: "upc") @key(fields: "sku { code }", resolvable: false) {
  upc: ID!
  sku: Sku
  name: String @external
  size: Size @external
  price(currency: String!): Int @requires(fields: "size { w }")
}
type Sku { code: ID! }
type Size { w: Int! }
union Media = Product | Review
enum State { ON }
"#;

fn ask(text: &str, variables: Value) -> Value {
    let data = json!({
        "Query": {"review": {"id": "r"}, "product": {"upc": "1"}, "media": {"__typename": "Song", "id": "s"}},
        "Mutation": {"rename": {"upc": "1"}},
        "Review": [{"id": "r", "product": {"upc": "1"}}],
        "Product": [{"upc": "1", "sku": {"code": "c"}, "name": "n", "size": {"w": 2}, "price(currency:EUR)": 3}],
    });
    let subgraph = Subgraph {
        name: "a".into(),
        schema: Schema::parse(SDL),
        tables: Tables::new(&data, "a"),
        log: Log::default(),
        mutated: Arc::default(),
    };
    subgraph.answer(text, &variables)
}

fn entity(selection: &str, representation: Value) -> Value {
    let text = format!(
        "query($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on Product {{ {selection} }} }} }}"
    );
    ask(&text, json!({ "r": [representation] }))
}

fn refusal(answer: &Value) -> &str {
    answer["errors"][0]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("not refused: {answer}"))
}

#[test]
fn external_fields_are_answered_only_where_they_are_provided() {
    let provided = ask("{ review { product { name } } }", json!({}));
    assert_eq!(
        provided,
        json!({"data": {"review": {"product": {"name": "n"}}}})
    );
    let elsewhere = ask("{ product { name } }", json!({}));
    assert!(refusal(&elsewhere).contains("external"));
    let by_key = entity("name", json!({"__typename": "Product", "upc": "1"}));
    assert!(refusal(&by_key).contains("external"));
}

#[test]
fn required_fields_must_be_sent_and_be_right() {
    let with = |size: Value| {
        let representation = json!({"__typename": "Product", "upc": "1", "size": size});
        entity("price(currency: \"EUR\")", representation)
    };
    assert_eq!(
        with(json!({"w": 2})),
        json!({"data": {"_entities": [{"price": 3}]}})
    );
    assert!(refusal(&with(json!({"w": 1}))).contains("not 2"));
    assert!(refusal(&with(json!({}))).contains("not sent"));
    let none = entity(
        "price(currency: \"EUR\")",
        json!({"__typename": "Product", "upc": "1"}),
    );
    assert!(refusal(&none).contains("not sent"));
    let direct = ask("{ product { price(currency: \"EUR\") } }", json!({}));
    assert!(refusal(&direct).contains("without what it requires"));
}

#[test]
fn entities_need_a_resolvable_key() {
    let unresolvable = entity(
        "upc",
        json!({"__typename": "Product", "sku": {"code": "c"}}),
    );
    assert!(refusal(&unresolvable).contains("no key"));
    let unknown = entity("upc", json!({"__typename": "Product", "upc": "9"}));
    assert_eq!(unknown, json!({"data": {"_entities": [null]}}));
}

#[test]
fn requests_are_validated() {
    for text in [
        "{ product { nope } }",
        "{ product }",
        "{ product { price } }",
        "{ product { upc: name upc } }",
        "query($x: Int) { product { upc } }",
    ] {
        refusal(&ask(text, json!({})));
    }
    let foreign = ask("{ media { __typename } }", json!({}));
    assert!(refusal(&foreign).contains("is not a Media"));
}
