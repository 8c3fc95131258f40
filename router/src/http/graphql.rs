//! GraphQL over HTTP: GET and POST.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::caller::{forwarded, identify};
use super::negotiate::{MediaType, Multipart};
use super::observe::{Observed, request_id};
use super::params::{params_of_query, read_body};
use super::server::ClientAddress;
use super::{csrf, multipart, sse, sse_single, websocket};
use crate::error::{GraphqlError, code};
use crate::execute;
use crate::identity::IdentifyError;
use crate::quota::Full;
use crate::request::{
    Accepts, ClientRequest, ClientResponse, GraphqlParams, IncrementalFormat, Outcome, Summary,
};
use crate::router::Router;

/// A request refused by the edge itself.
pub(super) struct EdgeError {
    pub(super) status: StatusCode,
    pub(super) error: GraphqlError,
}

impl EdgeError {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: GraphqlError::new(message).with_code(code),
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    pub(super) fn identify(error: IdentifyError) -> Self {
        let mut graphql = GraphqlError::new(error.message);
        graphql.extensions = error.extensions;
        Self {
            status: error.http_status,
            error: graphql.with_code(&error.code),
        }
    }

    pub(super) fn response(&self, media: MediaType, request_id: &str) -> Response {
        let media = if media == MediaType::EventStream {
            MediaType::Json
        } else {
            media
        };
        let body = execute::refusal(std::slice::from_ref(&self.error), request_id);
        (self.status, [(CONTENT_TYPE, media.header())], body).into_response()
    }
}

pub(super) async fn get(State(router): State<Arc<Router>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let config = router.config();
    if websocket::is_upgrade(&parts.headers) {
        if !csrf::allows_websocket(&parts.headers, &config.csrf, &config.cors) {
            return StatusCode::FORBIDDEN.into_response();
        }
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => {
                let address = address(&parts.extensions);
                websocket::upgrade(router, upgrade, parts.headers, address)
            }
            Err(rejection) => rejection.into_response(),
        };
    }
    if let Some(token) = sse_single::token(&parts.headers, parts.uri.query()) {
        return match identify(&router, &parts.headers, None, &request_id(&parts.headers)).await {
            Ok(caller) => sse_single::open(&router, token, caller),
            Err(error) => unidentified(error),
        };
    }
    let observed = Observed::new(Method::GET, &parts.headers);
    let prepared = if csrf::allows_get(&parts.headers, &config.csrf, &config.cors) {
        match Query::<HashMap<String, String>>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => params_of_query(query),
            Err(_) => Err(EdgeError::bad("The query string cannot be read.")),
        }
    } else {
        Err(EdgeError::new(
            StatusCode::FORBIDDEN,
            code::BAD_REQUEST,
            "Requests from other sites must be preflighted: send the header \"x-requested-with\".",
        ))
    };
    let from = From {
        headers: &parts.headers,
        address: address(&parts.extensions),
    };
    answer(&router, observed, from, prepared, Accepts::Queries).await
}

pub(super) async fn post(State(router): State<Arc<Router>>, request: Request) -> Response {
    let address = address(request.extensions());
    answer_post(&router, request, address).await
}

/// The client's address, where the server tells it.
pub(super) fn address(extensions: &http::Extensions) -> Option<IpAddr> {
    let known = extensions.get::<ClientAddress>();
    known.map(|ClientAddress(address)| *address)
}

pub(super) async fn answer_post(
    router: &Arc<Router>,
    request: Request,
    address: Option<IpAddr>,
) -> Response {
    let (parts, body) = request.into_parts();
    let observed = Observed::new(Method::POST, &parts.headers);
    let prepared = read_body(router, &parts.headers, body).await;
    let token = sse_single::token(&parts.headers, parts.uri.query());
    if let (Some(token), Ok(params)) = (token, &prepared) {
        let caller = match identify(router, &parts.headers, None, &observed.id).await {
            Ok(caller) => Arc::new(caller),
            Err(error) => return unidentified(error),
        };
        let request = ClientRequest {
            params: params.clone(),
            caller,
            address,
            headers: forwarded(router, &parts.headers),
            request_id: Arc::clone(&observed.id),
            accepts: Accepts::Everything,
            incremental: IncrementalFormat::of(params),
            last_event_id: None,
        };
        let response = sse_single::run(router, token, request).await;
        return observed.finish(&router.config().http, response, &Summary::default());
    }
    let from = From {
        headers: &parts.headers,
        address,
    };
    answer(router, observed, from, prepared, Accepts::Single).await
}

/// Where a request comes from.
#[derive(Clone, Copy)]
struct From<'a> {
    headers: &'a HeaderMap,
    address: Option<IpAddr>,
}

/// Reserves an event stream for many operations.
pub(super) async fn put(State(router): State<Arc<Router>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let id = request_id(&parts.headers);
    match identify(&router, &parts.headers, None, &id).await {
        Ok(caller) => sse_single::reserve(&router, caller.fingerprint, address(&parts.extensions)),
        Err(error) => unidentified(error),
    }
}

/// Ends one operation of an event stream.
pub(super) async fn delete(State(router): State<Arc<Router>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query();
    let Some(token) = sse_single::token(&parts.headers, query) else {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    };
    match identify(&router, &parts.headers, None, &request_id(&parts.headers)).await {
        Ok(caller) => sse_single::end(&router, &token, query, caller.fingerprint),
        Err(error) => unidentified(error),
    }
}

/// Too much is open already.
pub(super) fn refused(full: Full) -> Response {
    let (status, code, message) = match full {
        Full::Holder => (
            StatusCode::TOO_MANY_REQUESTS,
            code::RATE_LIMITED,
            "There are too many connections from your address.",
        ),
        Full::InAll => (
            StatusCode::SERVICE_UNAVAILABLE,
            code::OVERLOADED,
            "The server has too many connections; try again later.",
        ),
    };
    EdgeError::new(status, code, message).response(MediaType::Json, "")
}

fn unidentified(error: IdentifyError) -> Response {
    EdgeError::identify(error).response(MediaType::Json, "")
}

async fn answer(
    router: &Arc<Router>,
    observed: Observed,
    From { headers, address }: From<'_>,
    params: Result<GraphqlParams, EdgeError>,
    accepts: Accepts,
) -> Response {
    let config = &router.config().http;
    let parts = Multipart::of(headers);
    let media = MediaType::negotiate(headers).or(parts.any().then_some(MediaType::Json));
    let refused = |error: EdgeError, observed: Observed| {
        let response = error.response(media.unwrap_or(MediaType::Json), &observed.id);
        observed.finish(
            config,
            response,
            &Summary {
                errors: 1,
                ..Summary::default()
            },
        )
    };
    let Some(media) = media else {
        let message = "Answers come as application/graphql-response+json, application/json or text/event-stream.";
        let error = EdgeError::new(StatusCode::NOT_ACCEPTABLE, code::BAD_REQUEST, message);
        return refused(error, observed);
    };
    let params = match params {
        Ok(params) => params,
        Err(error) => return refused(error, observed),
    };
    let caller = match identify(router, headers, None, &observed.id).await {
        Ok(caller) => caller,
        Err(error) => return refused(EdgeError::identify(error), observed),
    };
    let incremental = match media {
        MediaType::EventStream => IncrementalFormat::of(&params),
        MediaType::Graphql | MediaType::Json => parts.incremental,
    };
    let streams = media == MediaType::EventStream || parts.subscriptions;
    let accepts = match (streams, accepts) {
        // Streams by GET are for clients that cannot do better; mutations stay refused.
        (true, Accepts::Queries) => Accepts::QueriesAndStreams,
        (true, _) => Accepts::Everything,
        (false, accepts) => accepts,
    };
    let request = ClientRequest {
        params,
        caller: Arc::new(caller),
        address,
        headers: forwarded(router, headers),
        request_id: Arc::clone(&observed.id),
        accepts,
        incremental,
        last_event_id: last_event_id(headers),
    };
    match router.execute(request).await {
        Outcome::Single(response) => {
            let summary = response.summary.clone();
            let http = match media {
                MediaType::EventStream if response.is_result() => sse::single(&response),
                MediaType::EventStream => single(MediaType::Graphql, response),
                media => single(media, response),
            };
            observed.finish(config, http, &summary)
        }
        Outcome::Stream(events, summary) => {
            let http = match media {
                MediaType::EventStream => sse::stream(router, events, summary.position.clone()),
                MediaType::Graphql | MediaType::Json => {
                    multipart::stream(router, events, summary.position.clone())
                }
            };
            observed.finish(config, http, &summary)
        }
        Outcome::Incremental(messages, summary) => {
            let http = match (media, incremental) {
                (MediaType::EventStream, _) => sse::pieces(router, messages),
                (_, format) => multipart::pieces(messages, format),
            };
            observed.finish(config, http, &summary)
        }
    }
}

/// The last event a client of server-sent events has seen.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

fn single(media: MediaType, response: ClientResponse) -> Response {
    let status = media.status(response.status);
    let mut http = (status, [(CONTENT_TYPE, media.header())], response.body).into_response();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        http.headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
    }
    http
}
