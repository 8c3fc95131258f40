//! `@authenticated`, `@requiresScopes` and `@policy`.

use std::sync::Arc;

use atelier_router::{
    Caller, ClientRequest, Router, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse, Supergraph,
};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::run;

const SUPERGRAPH: &str = r#"
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)
  @link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY)
  @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)
{ query: Query mutation: Mutation subscription: Subscription }

directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
enum link__Purpose { SECURITY EXECUTION }
scalar link__Import
scalar join__FieldSet
scalar requiresScopes__Scope
scalar policy__Policy
enum join__Graph { A @join__graph(name: "a", url: "") }

type Query @join__type(graph: A) {
  open: String
  signedIn: String @authenticated
  either: String @requiresScopes(scopes: [["read", "write"], ["admin"]])
  judged: String @policy(policies: [["adult"]])
  strict: String! @authenticated
  things: [Thing]
  secret: Secret
  holder: Holder
  nodes: [Node]
}
type Mutation @join__type(graph: A) { erase: Boolean @requiresScopes(scopes: [["admin"]]) }
type Subscription @join__type(graph: A) { news: String @authenticated plans: String @requiresScopes(scopes: [["admin"]]) }
type Holder @join__type(graph: A) { name: String token: String! @authenticated }
type Secret @join__type(graph: A) @requiresScopes(scopes: [["admin"]]) { text: String }
type Thing @join__type(graph: A) { id: ID! price: Int @requiresScopes(scopes: [["prices"]]) }
interface Node @join__type(graph: A) { id: ID }
type Page implements Node @join__type(graph: A) @join__implements(graph: A, interface: "Node") { id: ID }
type Vault implements Node @join__type(graph: A) @join__implements(graph: A, interface: "Node") @authenticated { id: ID }
"#;

/// Answers every request with the same data, and remembers what it was asked.
#[derive(Default)]
struct Fixed(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl SubgraphClient for Fixed {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.0.lock().push(request.operation.text().to_owned());
        let data = json!({"data": {
            "open": "o", "signedIn": "s", "either": "e", "judged": "j", "strict": "t",
            "secret": {"text": "x"}, "erase": true,
            "holder": {"name": "h", "token": "tok"},
            "things": [{"id": "1", "price": 1}, {"id": "2", "price": 2}],
            "nodes": [{"__typename": "Page", "id": "p"}, {"__typename": "Vault", "id": "v"}],
        }});
        Ok(SubgraphResponse::Json(data.to_string().into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

struct Guarded {
    router: Router,
    asked: Arc<Fixed>,
}

fn guarded() -> Guarded {
    let asked = Arc::new(Fixed::default());
    let router = Router::builder(Supergraph::parse(SUPERGRAPH).unwrap())
        .subgraph("a", Arc::clone(&asked) as Arc<dyn SubgraphClient>)
        .build()
        .unwrap();
    Guarded { router, asked }
}

fn caller(scopes: &[&str], policies: &[&str]) -> Caller {
    Caller {
        authenticated: true,
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        policies: policies.iter().map(|s| (*s).to_owned()).collect(),
        ..Caller::default()
    }
}

impl Guarded {
    async fn ask(&self, caller: Caller, query: &str) -> Value {
        let mut request = ClientRequest::new(query);
        request.caller = Arc::new(caller);
        run(&self.router, request).await
    }
}

/// Code and path of each error.
fn refusals(answer: &Value) -> Vec<(String, Value)> {
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let code = |error: &Value| error["extensions"]["code"].as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| (code(error), error["path"].clone()))
        .collect()
}

#[tokio::test]
async fn anonymous_callers_get_null_and_are_told_to_sign_in() {
    let guarded = guarded();
    let answer = guarded.ask(Caller::default(), "{ open signedIn }").await;
    assert_eq!(answer["data"], json!({"open": "o", "signedIn": null}));
    assert_eq!(
        refusals(&answer),
        [("UNAUTHENTICATED".into(), json!(["signedIn"]))]
    );
    assert_eq!(
        *guarded.asked.0.lock(),
        ["{open}"],
        "a refused field is not asked for"
    );
    let answer = guarded.ask(caller(&[], &[]), "{ open signedIn }").await;
    assert_eq!(answer, json!({"data": {"open": "o", "signedIn": "s"}}));
}

#[tokio::test]
async fn scopes_are_an_or_of_ands() {
    let guarded = guarded();
    for (scopes, allowed) in [
        (&["read"][..], false),
        (&["write"][..], false),
        (&["read", "write"][..], true),
        (&["admin"][..], true),
        (&[][..], false),
    ] {
        let answer = guarded.ask(caller(scopes, &[]), "{ either }").await;
        if allowed {
            assert_eq!(answer, json!({"data": {"either": "e"}}), "{scopes:?}");
        } else {
            assert_eq!(answer["data"], json!({"either": null}), "{scopes:?}");
            assert_eq!(refusals(&answer), [("FORBIDDEN".into(), json!(["either"]))]);
        }
    }
}

#[tokio::test]
async fn policies_are_checked() {
    let guarded = guarded();
    let answer = guarded.ask(caller(&[], &[]), "{ judged }").await;
    assert_eq!(refusals(&answer), [("FORBIDDEN".into(), json!(["judged"]))]);
    let answer = guarded.ask(caller(&[], &["adult"]), "{ judged }").await;
    assert_eq!(answer, json!({"data": {"judged": "j"}}));
}

#[tokio::test]
async fn a_refused_non_null_field_nulls_its_parent() {
    let guarded = guarded();
    let answer = guarded
        .ask(Caller::default(), "{ open holder { name t: token } }")
        .await;
    assert_eq!(answer["data"], json!({"open": "o", "holder": null}));
    assert_eq!(
        refusals(&answer),
        [("UNAUTHENTICATED".into(), json!(["holder", "t"]))]
    );
    let answer = guarded.ask(Caller::default(), "{ open strict }").await;
    assert_eq!(answer["data"], Value::Null);
}

#[tokio::test]
async fn types_can_be_refused() {
    let guarded = guarded();
    let answer = guarded.ask(caller(&[], &[]), "{ secret { text } }").await;
    assert_eq!(answer["data"], json!({"secret": null}));
    assert_eq!(refusals(&answer), [("FORBIDDEN".into(), json!(["secret"]))]);
    assert!(guarded.asked.0.lock().is_empty(), "nothing is left to ask");
}

#[tokio::test]
async fn refusals_inside_lists_are_told_once() {
    let guarded = guarded();
    let answer = guarded
        .ask(caller(&[], &[]), "{ things { id price } }")
        .await;
    assert_eq!(
        answer["data"],
        json!({"things": [{"id": "1", "price": null}, {"id": "2", "price": null}]})
    );
    assert_eq!(
        refusals(&answer),
        [("FORBIDDEN".into(), json!(["things", 0, "price"]))]
    );
}

#[tokio::test]
async fn objects_behind_an_interface_are_refused_by_their_own_type() {
    let guarded = guarded();
    for query in [
        "{ nodes { id } }",
        "{ nodes { ... on Vault { id } ... on Page { id } } }",
    ] {
        let answer = guarded.ask(Caller::default(), query).await;
        assert_eq!(
            answer["data"],
            json!({"nodes": [{"id": "p"}, null]}),
            "{query}"
        );
        assert_eq!(
            refusals(&answer),
            [("UNAUTHENTICATED".into(), json!(["nodes", 1]))]
        );
    }
    let answer = guarded.ask(caller(&[], &[]), "{ nodes { id } }").await;
    assert_eq!(
        answer,
        json!({"data": {"nodes": [{"id": "p"}, {"id": "v"}]}})
    );
}

#[tokio::test]
async fn a_refused_mutation_does_not_run() {
    let guarded = guarded();
    let answer = guarded
        .ask(caller(&["prices"], &[]), "mutation { erase }")
        .await;
    assert_eq!(answer["data"], json!({"erase": null}));
    assert_eq!(refusals(&answer), [("FORBIDDEN".into(), json!(["erase"]))]);
    assert!(guarded.asked.0.lock().is_empty());
}

#[tokio::test]
async fn plans_of_one_caller_are_not_used_for_another() {
    let guarded = guarded();
    let query = "{ either }";
    for _ in 0..2 {
        let admin = guarded.ask(caller(&["admin"], &[]), query).await;
        assert_eq!(admin, json!({"data": {"either": "e"}}));
        let other = guarded.ask(caller(&[], &[]), query).await;
        assert_eq!(other["data"], json!({"either": null}));
        let nobody = guarded.ask(Caller::default(), query).await;
        assert_eq!(
            refusals(&nobody),
            [("UNAUTHENTICATED".into(), json!(["either"]))]
        );
    }
}

#[tokio::test]
async fn a_refusal_inside_a_deferred_fragment_comes_with_the_fragment() {
    let guarded = guarded();
    let query = "{ open holder { name ... @defer { token } } things { id ... @defer { price } }
        nodes { id ... on Vault @defer { id } } ... @defer { signedIn strict } }";
    let messages = crate::gates::all(&guarded.router, query).await;
    assert_eq!(
        messages[0]["data"],
        json!({
            "open": "o", "holder": {"name": "h"},
            "things": [{"id": "1"}, {"id": "2"}],
            "nodes": [{"id": "p"}, null]
        })
    );
    let refused = |code: &str, path: Value| (code.to_owned(), path);
    assert_eq!(
        refusals(&messages[0]),
        [refused("UNAUTHENTICATED", json!(["nodes", 1]))]
    );
    let pieces: Vec<&Value> = messages[1..]
        .iter()
        .flat_map(|message| message["incremental"].as_array().unwrap())
        .collect();
    let piece = |path: Value| *pieces.iter().find(|piece| piece["path"] == path).unwrap();
    assert_eq!(pieces.len(), 4);
    // Null in a forbidden place: no data.
    let root = piece(json!([]));
    assert_eq!(root["data"], json!(null));
    let denied = |path: Value| refused("UNAUTHENTICATED", path);
    assert_eq!(
        refusals(root),
        [denied(json!(["signedIn"])), denied(json!(["strict"]))]
    );
    let holder = piece(json!(["holder"]));
    assert_eq!(holder["data"], json!(null));
    assert_eq!(refusals(holder), [denied(json!(["holder", "token"]))]);
    for at in [0, 1] {
        let thing = piece(json!(["things", at]));
        assert_eq!(thing["data"], json!({"price": null}));
        assert_eq!(refusals(thing), [denied(json!(["things", at, "price"]))]);
    }
    // Nothing refused was asked for.
    let asked = guarded.asked.0.lock().join(" ");
    assert!(
        !asked.contains("token") && !asked.contains("price"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_refused_subscription_says_whether_signing_in_would_do() {
    let guarded = guarded();
    for (caller, query, code) in [
        (
            Caller::default(),
            "subscription { news }",
            "UNAUTHENTICATED",
        ),
        (
            Caller::default(),
            "subscription { n: plans }",
            "UNAUTHENTICATED",
        ),
        (
            caller(&["read"], &[]),
            "subscription { plans }",
            "FORBIDDEN",
        ),
    ] {
        let answer = guarded.ask(caller, query).await;
        assert_eq!(
            answer.pointer("/errors/0/extensions/code"),
            Some(&json!(code)),
            "{query}: {answer}"
        );
        assert_eq!(answer.get("data"), None);
    }
}
