//! Serving subgraphs over HTTP, to routers and other subgraphs only: every request carries a signed
//! actor, and nothing else that it says about the caller is believed.

use std::sync::Arc;

use async_graphql::{
    BatchRequest, Data, Executor, Name, Positioned, Request, Response, Value,
    http::ALL_WEBSOCKET_PROTOCOLS, parser::types::Selection,
};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use atelier_kit::{
    Subgraph,
    actor::{ACTOR_HEADER, Actor, ActorVerifier, KeyFolder, NONCE_HEADER},
    clock::{Clock, SystemClock},
    error::{Error, ErrorCode},
    graphql::Service,
    telemetry,
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
};
use futures::{StreamExt, stream::BoxStream};
use tracing::Instrument;

use crate::graph;

/// The largest request body.
const MAX_BODY: usize = 4 * 1024 * 1024;

#[derive(Clone)]
struct Endpoint {
    service: Service,
    verifier: ActorVerifier,
    name: &'static str,
    /// The schema as it is composed.
    sdl: Arc<str>,
}

/// The HTTP interface of a subgraph: `/NAME/graphql` and the domain's own routes.
pub fn routes(subgraph: &Subgraph, keys: &KeyFolder) -> Router {
    let endpoint = Endpoint {
        service: subgraph.service.clone(),
        verifier: ActorVerifier::new(subgraph.name, keys.clone()),
        name: subgraph.name,
        sdl: graph::sdl(subgraph.name, &subgraph.service),
    };
    Router::new()
        .route(
            &format!("/{}/graphql", subgraph.name),
            post(execute).get(upgrade),
        )
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(endpoint)
        .merge(subgraph.routes.clone())
}

/// The header of the client's request id, which tells nothing that must be believed.
const REQUEST_ID: &str = "x-request-id";

/// The actor that a request comes with; `header` gives its headers by name.
fn verified<'a>(
    verifier: &ActorVerifier,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Result<Arc<Actor>, Error> {
    let signed = header(ACTOR_HEADER).ok_or(Error::new(ErrorCode::Unauthenticated))?;
    let mut actor = verifier.verify(signed, SystemClock.now())?;
    let known = Arc::make_mut(&mut actor);
    if let Some(id) = header(REQUEST_ID).filter(|id| id.len() <= 256) {
        known.request_id = id.to_owned();
    }
    let nonce = header(NONCE_HEADER).and_then(|nonce| nonce.parse().ok());
    known.nonce = nonce.unwrap_or_default();
    Ok(actor)
}

fn verified_by_headers(verifier: &ActorVerifier, headers: &HeaderMap) -> Result<Arc<Actor>, Error> {
    verified(verifier, |name| headers.get(name)?.to_str().ok())
}

async fn execute(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Json(mut request): Json<Request>,
) -> impl IntoResponse {
    let actor = match verified_by_headers(&endpoint.verifier, &headers) {
        Ok(actor) => actor,
        Err(error) => {
            tracing::warn!(
                target: "atelier::subgraph",
                subgraph = endpoint.name,
                cause = error.cause_chain(),
                "a caller could not prove itself"
            );
            return (StatusCode::UNAUTHORIZED, Json(refusal()));
        }
    };
    let span = tracing::info_span!(target: "atelier::subgraph", "subgraph", subgraph = endpoint.name, request.id = %actor.request_id);
    telemetry::propagate::set_parent(&span, &headers);
    let asked = sdl_keys(&mut request);
    let mut response = endpoint
        .service
        .execute(request.data(actor))
        .instrument(span)
        .await;
    if let Value::Object(data) = &mut response.data {
        for [service, sdl] in asked {
            if let Some(Value::Object(service)) = data.get_mut(&service) {
                service.insert(sdl, Value::String(endpoint.sdl.to_string()));
            }
        }
    }
    (StatusCode::OK, Json(response))
}

/// Where a request asks for `_service { sdl }`. async-graphql answers with what it exports, which
/// lacks what composition needs.
fn sdl_keys(request: &mut Request) -> Vec<[Name; 2]> {
    if !request.query.contains("_service") {
        return Vec::new();
    }
    let Ok(document) = request.parsed_query() else {
        return Vec::new();
    };
    let field = |name: &'static str| {
        move |selection: &Positioned<Selection>| match &selection.node {
            Selection::Field(field) if field.node.name.node == name => Some(field.node.clone()),
            _ => None,
        }
    };
    let operations = document.operations.iter();
    operations
        .flat_map(|(_, operation)| &operation.node.selection_set.node.items)
        .filter_map(field("_service"))
        .flat_map(|service| {
            let key = service.response_key().node.clone();
            let items = service.selection_set.node.items.into_iter();
            let sdls = items.filter_map(|item| field("sdl")(&item));
            let keys = sdls.map(move |sdl| [key.clone(), sdl.response_key().node.clone()]);
            keys.collect::<Vec<_>>()
        })
        .collect()
}

fn refusal() -> Response {
    let error = async_graphql::ServerError::new("Only routers may call a subgraph.", None);
    Response::from_errors(vec![error])
}

async fn upgrade(
    State(endpoint): State<Endpoint>,
    protocol: GraphQLProtocol,
    upgrade: WebSocketUpgrade,
) -> impl IntoResponse {
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .max_message_size(MAX_BODY)
        .on_upgrade(move |socket| {
            let executor = PerOperation {
                service: endpoint.service,
                verifier: endpoint.verifier,
            };
            GraphQLWebSocket::new(socket, executor, protocol).serve()
        })
}

/// A header in the extensions of an operation: beside other entries, or among `headers`.
fn header_of<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    value
        .get(name)
        .or_else(|| value.get("headers")?.get(name))?
        .as_str()
}

/// Routers carry many callers over one connection, so each operation brings its own actor. What a
/// connection said when it opened proves nothing later: signatures hold for seconds.
#[derive(Clone)]
struct PerOperation {
    service: Service,
    verifier: ActorVerifier,
}

impl PerOperation {
    fn actor(&self, request: &Request) -> Option<Arc<Actor>> {
        let extensions = serde_json::to_value(&request.extensions).ok()?;
        verified(&self.verifier, |name| header_of(&extensions, name)).ok()
    }
}

impl Executor for PerOperation {
    async fn execute(&self, request: Request) -> Response {
        match self.actor(&request) {
            Some(actor) => self.service.execute(request.data(actor)).await,
            None => refusal(),
        }
    }

    async fn execute_batch(&self, batch: BatchRequest) -> async_graphql::BatchResponse {
        match batch {
            BatchRequest::Single(request) => {
                async_graphql::BatchResponse::Single(Executor::execute(self, request).await)
            }
            BatchRequest::Batch(_) => async_graphql::BatchResponse::Single(refusal()),
        }
    }

    fn execute_stream(
        &self,
        request: Request,
        _: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        match self.actor(&request) {
            Some(actor) => self.service.execute_stream(request.data(actor)),
            None => futures::stream::once(std::future::ready(refusal())).boxed(),
        }
    }
}
