//! A subgraph behind a URL.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::subgraph::Subgraph;

/// What the router may send; anything else is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    query: String,
    #[serde(default)]
    variables: Map<String, Value>,
}

/// Serves the subgraph on `listener` as long as the runtime runs.
pub fn serve(subgraph: Subgraph, listener: TcpListener) {
    let app = axum::Router::new()
        .route("/graphql", post(answer))
        .with_state(Arc::new(subgraph));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
}

async fn answer(
    State(subgraph): State<Arc<Subgraph>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let body: Body = match serde_json::from_slice(&body) {
        Ok(body) if header(header::CONTENT_TYPE) == Some("application/json") => body,
        Ok(_) => return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not JSON").into_response(),
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let answer = subgraph.asked(&body.query, body.variables.into());
    let kind = [(header::CONTENT_TYPE, "application/graphql-response+json")];
    (kind, answer.to_string()).into_response()
}
