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
    actor::{ACTOR_HEADER, Actor, ActorSigner},
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
    signer: ActorSigner,
    name: &'static str,
    /// The schema as it is composed.
    sdl: Arc<str>,
}

/// The HTTP interface of a subgraph: `/NAME/graphql` and the domain's own routes.
pub fn routes(subgraph: &Subgraph, signer: &ActorSigner) -> Router {
    let endpoint = Endpoint {
        service: subgraph.service.clone(),
        signer: signer.clone(),
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

fn verified(signer: &ActorSigner, header: Option<&str>) -> Result<Arc<Actor>, Error> {
    let header = header.ok_or(Error::new(ErrorCode::Unauthenticated))?;
    signer.verify(header, SystemClock.now()).map(Arc::new)
}

async fn execute(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Json(mut request): Json<Request>,
) -> impl IntoResponse {
    let actor = headers
        .get(ACTOR_HEADER)
        .and_then(|value| value.to_str().ok());
    let actor = match verified(&endpoint.signer, actor) {
        Ok(actor) => actor,
        Err(_) => return (StatusCode::UNAUTHORIZED, Json(refusal())),
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
    headers: HeaderMap,
    protocol: GraphQLProtocol,
    upgrade: WebSocketUpgrade,
) -> impl IntoResponse {
    let actor = headers
        .get(ACTOR_HEADER)
        .and_then(|value| value.to_str().ok());
    let connection = verified(&endpoint.signer, actor).ok();
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .max_message_size(MAX_BODY)
        .on_upgrade(move |socket| {
            let signer = endpoint.signer.clone();
            let executor = PerOperation {
                service: endpoint.service,
                signer: endpoint.signer,
                connection,
            };
            GraphQLWebSocket::new(socket, executor, protocol)
                .on_connection_init(move |payload: serde_json::Value| {
                    let signer = signer.clone();
                    async move {
                        let mut data = Data::default();
                        if let Some(actor) = actor_of(&payload) {
                            data.insert(
                                verified(&signer, Some(actor)).map_err(|error| {
                                    async_graphql::Error::new(error.to_string())
                                })?,
                            );
                        }
                        Ok(data)
                    }
                })
                .serve()
        })
}

/// The signed actor in the extensions of an operation or the payload of `connection_init`: beside
/// other entries, or among `headers`.
fn actor_of(value: &serde_json::Value) -> Option<&str> {
    value
        .get(ACTOR_HEADER)
        .or_else(|| value.get("headers")?.get(ACTOR_HEADER))?
        .as_str()
}

/// Routers carry many callers over one connection, so each operation brings its own actor; the
/// connection's serves those that bring none.
#[derive(Clone)]
struct PerOperation {
    service: Service,
    signer: ActorSigner,
    connection: Option<Arc<Actor>>,
}

impl PerOperation {
    fn actor(&self, request: &Request, session: Option<&Arc<Data>>) -> Option<Arc<Actor>> {
        let extensions = serde_json::to_value(&request.extensions).ok()?;
        match actor_of(&extensions) {
            Some(header) => verified(&self.signer, Some(header)).ok(),
            None => session
                .and_then(|data| {
                    data.get(&std::any::TypeId::of::<Arc<Actor>>())?
                        .downcast_ref::<Arc<Actor>>()
                        .cloned()
                })
                .or_else(|| self.connection.clone()),
        }
    }
}

impl Executor for PerOperation {
    async fn execute(&self, request: Request) -> Response {
        match self.actor(&request, None) {
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
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        match self.actor(&request, session.as_ref()) {
            Some(actor) => self.service.execute_stream(request.data(actor)),
            None => futures::stream::once(std::future::ready(refusal())).boxed(),
        }
    }
}
