//! What goes into the router and what comes out, without any transport.

mod position;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::position::Position;
use crate::identity::Caller;
pub use crate::operation::IncrementalFormat;

/// The parameters of a GraphQL request, as clients send them in JSON.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GraphqlParams {
    /// The document.
    #[serde(default)]
    pub query: Option<String>,
    /// Which operation of the document.
    #[serde(default, rename = "operationName")]
    pub operation_name: Option<String>,
    /// Values of variables.
    #[serde(default)]
    pub variables: Option<Map<String, Value>>,
    /// For extensions of the protocol.
    #[serde(default)]
    pub extensions: Option<Map<String, Value>>,
}

/// One request of a client.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// What is asked.
    pub params: GraphqlParams,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// From where, if it is known.
    pub address: Option<IpAddr>,
    /// The client's headers, as far as they are passed on.
    pub headers: HeaderMap,
    /// For logs and for `extensions.requestId`.
    pub request_id: Arc<str>,
    /// What the transport can do.
    pub accepts: Accepts,
    /// How answers with `@defer` may come in pieces; `None` when they may not.
    pub incremental: Option<IncrementalFormat>,
    /// The last event the client has seen of a resumable subscription, when its
    /// transport tells (`last-event-id`); goes before the subscription's argument.
    pub last_event_id: Option<String>,
}

impl ClientRequest {
    /// A request of an anonymous caller, with a new id.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            params: GraphqlParams {
                query: Some(query.into()),
                ..GraphqlParams::default()
            },
            caller: Arc::new(Caller::default()),
            address: None,
            headers: HeaderMap::new(),
            request_id: new_request_id(),
            accepts: Accepts::Everything,
            incremental: None,
            last_event_id: None,
        }
    }
}

impl IncrementalFormat {
    /// The format for transports without an `Accept` header of their own: that of
    /// 20220824 unless the request's `extensions.incrementalSpec` names another;
    /// `None` when it names one we do not have.
    pub fn of(params: &GraphqlParams) -> Option<Self> {
        let extensions = params.extensions.as_ref();
        let named = extensions.and_then(|all| all.get("incrementalSpec"));
        match named.map(Value::as_str) {
            None | Some(Some("20220824")) => Some(Self::ByPath),
            Some(Some("v0.2")) => Some(Self::ById),
            Some(_) => None,
        }
    }
}

/// A new id for a request.
#[expect(
    clippy::disallowed_methods,
    reason = "ids are for finding lines by; nothing is decided by them"
)]
pub fn new_request_id() -> Arc<str> {
    uuid::Uuid::now_v7().simple().to_string().into()
}

/// Which operations a transport can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// One answer, nothing changed: GET.
    Queries,
    /// Streams too, nothing changed: GET for an event stream.
    QueriesAndStreams,
    /// One answer.
    Single,
    /// Also streams.
    Everything,
}

/// What became of a request.
pub enum Outcome {
    /// One answer.
    Single(ClientResponse),
    /// A subscription: one answer per event.
    Stream(BoxStream<'static, Bytes>, Summary),
    /// An answer in pieces, the first one being ready.
    Incremental(BoxStream<'static, Bytes>, Summary),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Single(response) => f.debug_tuple("Single").field(response).finish(),
            Self::Stream(..) => f.write_str("Stream"),
            Self::Incremental(..) => f.write_str("Incremental"),
        }
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct ClientResponse {
    /// The GraphQL response as JSON.
    pub body: Bytes,
    /// How far the request came.
    pub status: ResponseStatus,
    /// For the log.
    pub summary: Summary,
}

impl ClientResponse {
    /// True when the operation ran, whatever came of it.
    pub fn is_result(&self) -> bool {
        self.status == ResponseStatus::Executed
    }
}

/// What the log tells of a request.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Name of the operation.
    pub operation: Option<Arc<str>>,
    /// What it does.
    pub kind: Option<crate::operation::Kind>,
    /// Requests to subgraphs in its plan.
    pub fetches: usize,
    /// Entries of `errors`.
    pub errors: usize,
    /// Of a subscription: where it is.
    pub position: Option<Position>,
}

/// How far a request came; HTTP turns it into a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseStatus {
    /// It ran; there is `data`, maybe null.
    Executed,
    /// The document or the variables were refused; there is no `data`.
    Refused,
    /// The request has no document, or does not say which operation to run.
    BadRequest,
    /// The method does not allow the operation: a mutation by GET.
    MethodNotAllowed,
    /// A stream was asked for over a transport that cannot carry it.
    NotAcceptable,
    /// The router failed.
    Failed,
    /// The request took too long.
    TimedOut,
    /// The router is shutting down.
    Draining,
    /// The client has as much open as it may.
    Limited,
    /// The router has too much to do.
    Overloaded,
}
