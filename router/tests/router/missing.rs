//! Objects that one subgraph refers to and the one they belong to does not have.

use atelier_router::{ClientRequest, IncrementalFormat, Router};
use serde_json::{Value, json};

use crate::gates::{all, gated, pieces_of};
use crate::harness::{ask, in_process, run};
use crate::mocks::{Mock, mocked};

const BLOG: &str = r#"
type Query { post: Post posts: [Post!]! feed: [Item] }
type Post @key(fields: "id") {
    id: ID!
    author: Author
    owner: Author!
    likedBy: [Author]
    readBy: [Author!]
}
interface Item @key(fields: "id") { id: ID! }
type Author implements Item @key(fields: "id", resolvable: false) { id: ID! }
"#;

const PEOPLE: &str = r#"
type Query { authors: [Author] }
interface Item @key(fields: "id") { id: ID! title: String! }
type Author implements Item @key(fields: "id") {
    id: ID!
    title: String!
    name: String!
    motto: String
    address: Address!
}
type Address { city: String! }
"#;

/// Only the author 1 is there.
fn blog() -> Router {
    let author = |id: &str| json!({"__typename": "Author", "id": id});
    let post = |id: &str, author: &Value| {
        json!({
            "__typename": "Post",
            "id": id,
            "author": author,
            "owner": author,
            "likedBy": [{"__typename": "Author", "id": "1"}, author],
            "readBy": [{"__typename": "Author", "id": "1"}, author]
        })
    };
    let (known, gone) = (author("1"), author("gone"));
    let blog = Mock::new(
        json!({
            "post": post("p", &gone),
            "posts": [post("a", &known), post("b", &gone)],
            "feed": [known, gone]
        }),
        |_| Value::Null,
    )
    .implements(&[("Author", "Item")]);
    let people = Mock::new(json!({}), |representation| match &representation["id"] {
        id if id == "1" => json!({
            "__typename": "Author",
            "id": "1",
            "title": "Dr",
            "name": "Ada",
            "motto": null,
            "address": {"city": "Linz"}
        }),
        _ => Value::Null,
    })
    .implements(&[("Author", "Item")]);
    mocked(vec![("blog", BLOG, blog), ("people", PEOPLE, people)]).0
}

#[tokio::test]
async fn it_is_null_without_an_error_where_it_may_be_null() {
    let router = blog();
    let query = "{ post { id author { id name } likedBy { name } } }";
    assert_eq!(
        ask(&router, query).await,
        json!({"data": {"post": {"id": "p", "author": null, "likedBy": [{"name": "Ada"}, null]}}})
    );
    // However deep the field is that must not be null.
    let query = "{ posts { author { motto address { city } } } }";
    assert_eq!(
        ask(&router, query).await,
        json!({"data": {"posts": [
            {"author": {"motto": null, "address": {"city": "Linz"}}},
            {"author": null}
        ]}})
    );
    let query = "{ feed { title } }";
    assert_eq!(
        ask(&router, query).await,
        json!({"data": {"feed": [{"title": "Dr"}, null]}})
    );
}

#[tokio::test]
async fn what_the_referring_subgraph_knows_of_it_is_answered() {
    let router = blog();
    assert_eq!(
        ask(&router, "{ post { author { id motto } owner { id } } }").await,
        json!({"data": {"post": {
            "author": {"id": "gone", "motto": null},
            "owner": {"id": "gone"}
        }}})
    );
}

#[tokio::test]
async fn where_it_must_not_be_null_the_error_names_it() {
    let router = blog();
    let query = "{ list: posts { who: owner { name } } p: post { id who: owner { name } } }";
    let mut answer = ask(&router, query).await;
    let mut errors = answer["errors"].take();
    for error in errors.as_array_mut().unwrap() {
        error["extensions"]
            .as_object_mut()
            .unwrap()
            .remove("requestId");
    }
    let error = |path: Value| {
        json!({
            "message": "The Author that is referred to here does not exist.",
            "path": path,
            "extensions": {
                "code": "ENTITY_NOT_FOUND",
                "service": "people",
                "type": "Author"
            }
        })
    };
    // The items of the list must not be null either, nor the list.
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(errors, json!([error(json!(["list", 1, "who"]))]));
    let answer = ask(&router, "{ p: post { id r: readBy { name } } }").await;
    assert_eq!(answer["data"], json!({"p": {"id": "p", "r": null}}));
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["path"], json!(["p", "r", 1]));
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "ENTITY_NOT_FOUND"
    );
}

#[tokio::test]
async fn real_subgraphs_in_process_say_so_too() {
    let shop = in_process();
    let answer = ask(&shop.router, "{ latestReviews { author { name } } }").await;
    assert_eq!(answer["data"], Value::Null);
    let error = &answer["errors"][0];
    assert_eq!(error["path"], json!(["latestReviews", 3, "author"]));
    assert_eq!(error["extensions"]["code"], "ENTITY_NOT_FOUND");
    assert_eq!(error["extensions"]["service"], "accounts");
    assert_eq!(error["extensions"]["type"], "User");
}

#[tokio::test]
async fn errors_of_its_subgraph_are_told_instead() {
    let graph = gated();
    graph.accounts.break_down();
    let answer = ask(&graph.router, "{ latestReviews { author { name } } }").await;
    let codes: Vec<&Value> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["extensions"]["code"])
        .collect();
    assert_eq!(codes, ["SUBGRAPH_UNAVAILABLE"]);
}

#[tokio::test]
async fn a_deferred_fragment_of_it_is_null_and_says_why() {
    let graph = gated();
    let query = "{ latestReviews { id author { id ... @defer { name } } } }";
    let messages = all(&graph.router, query).await;
    assert_eq!(messages[0].get("errors"), None);
    let entries: Vec<&Value> = messages[1..]
        .iter()
        .flat_map(|message| message["incremental"].as_array().unwrap())
        .collect();
    assert_eq!(entries.len(), 4);
    let ghost = entries
        .iter()
        .find(|entry| entry["data"].is_null())
        .unwrap();
    assert_eq!(ghost["path"], json!(["latestReviews", 3, "author"]));
    assert_eq!(ghost["errors"][0]["path"], ghost["path"]);
    assert_eq!(ghost["errors"][0]["extensions"]["code"], "ENTITY_NOT_FOUND");
    let mut by_id = ClientRequest::new(query);
    by_id.incremental = Some(IncrementalFormat::ById);
    let messages = pieces_of(&graph.router, by_id).await.rest().await;
    let failed: Vec<&Value> = messages[1..]
        .iter()
        .flat_map(|message| message["completed"].as_array().unwrap())
        .filter(|entry| entry.get("errors").is_some())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        failed[0]["errors"][0]["extensions"]["code"],
        "ENTITY_NOT_FOUND"
    );
}

#[tokio::test]
async fn with_several_fields_of_it_refused_nothing_is_told_twice() {
    let router = blog();
    let request = ClientRequest::new("{ post { owner { name title address { city } } } }");
    let answer = run(&router, request).await;
    assert_eq!(answer["data"], json!({"post": null}));
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
}
