//! Reaching a subgraph: one trait, over HTTP or in process.

mod document;
mod headers;
mod http;
mod http1;
mod local;
mod multipart;
mod sdl;
mod size_hint;
mod sse;
mod tls;
mod websocket;
mod websocket_connection;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ::http::HeaderMap;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub(crate) use self::document::{Document, Selections};
pub use self::http::HttpSubgraph;
pub use self::local::{CatchPanics, LocalSubgraph};
pub use self::sdl::SdlError;
pub(crate) use self::size_hint::SizeHint;

use crate::error::GraphqlError;
use crate::identity::Caller;
use crate::json::write::quoted;
use crate::operation::Kind;

/// An operation for a subgraph; part of a plan, so the same for many requests.
#[derive(Debug)]
pub struct SubgraphOperation {
    text: String,
    kind: Kind,
    /// `{"query":"…"`, the start of a request body.
    body_start: Box<[u8]>,
    text_hash: u64,
    /// Objects of in-process subgraphs may come without their keys.
    without_keys: bool,
    document: OnceLock<Result<Document, String>>,
}

impl SubgraphOperation {
    /// An operation to be asked many times: what does not change is prepared once.
    pub fn new(text: String, kind: Kind) -> Self {
        let mut body = b"{\"query\":".to_vec();
        body.extend_from_slice(&quoted(&text));
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            text_hash: hasher.finish(),
            text,
            kind,
            body_start: body.into(),
            without_keys: false,
            document: OnceLock::new(),
        }
    }

    /// An operation whose answers the executor reads, with the document at hand.
    pub(crate) fn of_plan(text: String, kind: Kind) -> Self {
        Self {
            // Events of subscriptions are looked at by their keys before they get that far.
            without_keys: kind != Kind::Subscription,
            ..Self::new(text, kind)
        }
    }

    /// The parsed document, or what is wrong with it.
    pub(crate) fn document(&self) -> Result<&Document, &str> {
        let document = self
            .document
            .get_or_init(|| Document::parse(&self.text, self.without_keys));
        document.as_ref().map_err(String::as_str)
    }

    /// The document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the document does.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Differs for different documents, nearly always.
    pub(crate) fn text_hash(&self) -> u64 {
        self.text_hash
    }

    pub(crate) fn body_start(&self) -> &[u8] {
        &self.body_start
    }
}

/// Adds headers to requests for HTTP subgraphs.
#[derive(Clone)]
pub struct Propagate(pub(crate) Arc<dyn Fn(&mut HeaderMap) + Send + Sync>);

impl std::fmt::Debug for Propagate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Propagate")
    }
}

/// What all requests to subgraphs made for one client request share.
#[derive(Debug)]
pub struct RequestContext {
    /// For logs; sent to subgraphs as `x-request-id`.
    pub request_id: Arc<str>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// Headers of the client's request that are passed on.
    pub headers: HeaderMap,
    /// Adds headers to requests for HTTP subgraphs.
    pub propagate: Option<Propagate>,
    /// When the client's request is given up.
    pub deadline: Option<Instant>,
}

impl RequestContext {
    /// A context for requests that no client made, such as commands between domains.
    pub fn new(request_id: impl Into<Arc<str>>, caller: Arc<Caller>) -> Self {
        Self {
            request_id: request_id.into(),
            caller,
            headers: HeaderMap::new(),
            propagate: None,
            deadline: None,
        }
    }
}

const VARIABLES: &[u8] = b",\"variables\":";

/// One request to a subgraph.
#[derive(Debug, Clone)]
pub struct SubgraphRequest {
    /// What to ask.
    pub operation: Arc<SubgraphOperation>,
    /// Variables as a JSON object.
    pub variables: Bytes,
    /// For whom.
    pub context: Arc<RequestContext>,
}

impl SubgraphRequest {
    /// The JSON body of a GraphQL over HTTP request.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.body_len());
        self.write_body(&mut body);
        body
    }

    /// Length of [`SubgraphRequest::body`] in bytes.
    pub(crate) fn body_len(&self) -> usize {
        let variables = match self.has_variables() {
            true => VARIABLES.len() + self.variables.len(),
            false => 0,
        };
        self.operation.body_start().len() + variables + 1
    }

    pub(crate) fn write_body(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.operation.body_start());
        if self.has_variables() {
            out.extend_from_slice(VARIABLES);
            out.extend_from_slice(&self.variables);
        }
        out.push(b'}');
    }

    fn has_variables(&self) -> bool {
        self.variables.len() > b"{}".len()
    }
}

/// The answer of a subgraph.
#[derive(Debug, Clone)]
pub enum SubgraphResponse {
    /// A GraphQL response as JSON, not looked at yet.
    Json(Bytes),
    /// A GraphQL response as values.
    Values {
        /// `data`.
        data: async_graphql::Value,
        /// `errors`.
        errors: Vec<GraphqlError>,
    },
}

impl SubgraphResponse {
    /// The response as one JSON value, for callers that are not the router.
    ///
    /// # Errors
    /// When the subgraph sent something that is not JSON.
    pub fn into_json(self) -> Result<serde_json::Value, SubgraphError> {
        let invalid = |error: serde_json::Error| SubgraphError::InvalidResponse(error.to_string());
        match self {
            Self::Json(body) => serde_json::from_slice(&body).map_err(invalid),
            Self::Values { data, errors } => {
                let mut response = serde_json::Map::new();
                response.insert("data".into(), data.into_json().map_err(invalid)?);
                if !errors.is_empty() {
                    let errors = serde_json::to_value(errors).map_err(invalid)?;
                    response.insert("errors".into(), errors);
                }
                Ok(response.into())
            }
        }
    }
}

/// Why a subgraph gave no GraphQL response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubgraphError {
    /// No connection, or it broke.
    #[error("the subgraph cannot be reached: {0}")]
    Unavailable(String),
    /// No answer in time.
    #[error("the subgraph did not answer in time")]
    Timeout,
    /// An answer that is not a GraphQL response.
    #[error("the subgraph's answer is not a GraphQL response: {0}")]
    InvalidResponse(String),
    /// A resolver panicked.
    #[error("the subgraph failed")]
    Panicked,
}

impl SubgraphError {
    /// The code clients get.
    pub fn code(&self) -> &'static str {
        use crate::error::code;
        match self {
            Self::Unavailable(_) => code::SUBGRAPH_UNAVAILABLE,
            Self::Timeout => code::SUBGRAPH_TIMEOUT,
            Self::InvalidResponse(_) => code::SUBGRAPH_INVALID_RESPONSE,
            Self::Panicked => code::INTERNAL,
        }
    }

    /// What clients are told; details stay in the log.
    pub fn public_message(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "A part of the API cannot be reached.",
            Self::Timeout => "A part of the API did not answer in time.",
            Self::InvalidResponse(_) => "A part of the API gave an answer that cannot be used.",
            Self::Panicked => "A part of the API failed.",
        }
    }
}

/// A way to reach a subgraph.
#[async_trait]
pub trait SubgraphClient: Send + Sync + 'static {
    /// Runs a query or a mutation.
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError>;

    /// Starts a subscription. The stream ends when the subgraph says it is over;
    /// an `Err` item is the last one.
    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError>;

    /// The subgraph's own schema, for composition. Asks by `_service { sdl }`
    /// unless there is a shorter way.
    async fn sdl(&self, context: Arc<RequestContext>) -> Result<String, SdlError> {
        sdl::ask(self, context).await
    }
}
