//! Who calls, and what belongs to whom.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_router::{Caller, Credentials, Identify, IdentifyError, LocalSubgraph, Router};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::edge::{JSON, get, post, query};
use crate::graph::Actor;
use crate::harness::{Answer, Graph, http, in_process, serve_router};

/// Knows one token.
struct OneToken;

#[async_trait]
impl Identify for OneToken {
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        match credentials.bearer().or(credentials.cookie("session")) {
            None => Ok(Caller::default()),
            Some("good") => {
                let mut caller = Caller {
                    authenticated: true,
                    ..Caller::default()
                };
                caller.extensions.insert(Actor("ada".into()));
                Ok(caller)
            }
            Some(_) => Err(IdentifyError::new(
                "TOKEN_EXPIRED",
                "Sign in again.",
                StatusCode::UNAUTHORIZED,
            )),
        }
    }
}

#[tokio::test]
async fn callers_are_identified_once_and_reach_the_subgraphs() {
    let graph = Graph::new();
    let accounts = LocalSubgraph::new(graph.accounts.clone(), |context, request| {
        if let Some(actor) = context.caller.extensions.get::<Actor>() {
            request.data.insert(actor.clone());
        }
    });
    let none = || Arc::new(LocalSubgraph::new(graph.reviews.clone(), |_, _| {}));
    let router = Router::builder(graph.supergraph())
        .subgraph("accounts", Arc::new(accounts))
        .subgraph("products", none())
        .subgraph("inventory", none())
        .subgraph("reviews", none())
        .identify(Arc::new(OneToken))
        .build()
        .unwrap();
    let base = serve_router(router).await;
    let body = query("{ me { askedBy } }");
    let by = |answer: Answer| answer.json()["data"]["me"]["askedBy"].clone();
    assert_eq!(by(post(&base, &[JSON], &body).await), Value::Null);
    let token = ("authorization", "Bearer good");
    assert_eq!(by(post(&base, &[JSON, token], &body).await), "ada");
    let cookie = ("cookie", "a=b; session=good");
    assert_eq!(by(post(&base, &[JSON, cookie], &body).await), "ada");
    let expired = post(&base, &[JSON, ("authorization", "Bearer old")], &body).await;
    assert_eq!(expired.status, 401);
    assert_eq!(
        expired.json()["errors"][0]["extensions"]["code"],
        "TOKEN_EXPIRED"
    );
}

/// Everybody with another `authorization` header is somebody else.
struct ByHeader;

#[async_trait]
impl Identify for ByHeader {
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        let fingerprint = credentials.bearer().map_or(0, |token| token.len() as u64);
        Ok(Caller {
            fingerprint,
            ..Caller::default()
        })
    }
}

#[tokio::test]
async fn an_event_stream_belongs_to_who_reserved_it() {
    let shop = in_process();
    let local = || Arc::new(LocalSubgraph::new(shop.graph.products.clone(), |_, _| {}));
    let router = Router::builder(shop.graph.supergraph())
        .subgraph("accounts", local())
        .subgraph("products", local())
        .subgraph("inventory", local())
        .subgraph("reviews", local())
        .identify(Arc::new(ByHeader))
        .build()
        .unwrap();
    let base = serve_router(router).await;
    let mine = ("authorization", "Bearer mine");
    let reserve = Request::put(format!("{base}/graphql")).header(mine.0, mine.1);
    let reserved = http(reserve.body(String::new()).unwrap()).await;
    assert_eq!(reserved.status, 201);
    let token = ("x-graphql-event-stream-token", reserved.body.as_str());
    let body = json!({"query": "{ __typename }", "extensions": {"operationId": "1"}}).to_string();
    assert_eq!(post(&base, &[JSON, token, mine], &body).await.status, 202);
    let theirs = ("authorization", "Bearer theirs");
    assert_eq!(post(&base, &[JSON, token, theirs], &body).await.status, 404);
    assert_eq!(get(&base, "", &[token, theirs]).await.status, 404);
    let unknown = (token.0, "nothing");
    assert_eq!(post(&base, &[JSON, unknown, mine], &body).await.status, 404);
    let nameless = query("{ __typename }");
    assert_eq!(
        post(&base, &[JSON, token, mine], &nameless).await.status,
        400
    );
}
