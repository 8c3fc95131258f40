//! Who is calling. The router asks an [`Identify`] once per request (or once
//! per WebSocket) and hands the result to every stage and every subgraph.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use http::{Extensions, HeaderMap, StatusCode};
use serde_json::{Map, Value};

/// What a client brought to prove who it is.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// Headers of the request, or of the WebSocket's upgrade request; cookies are in here.
    pub headers: &'a HeaderMap,
    /// Payload of `connection_init`, for WebSockets.
    pub connection_init: Option<&'a Map<String, Value>>,
}

impl<'a> Credentials<'a> {
    /// The token of an `Authorization: Bearer` header, or of an `authorization`
    /// entry (any case) in the payload of `connection_init`.
    pub fn bearer(&self) -> Option<&'a str> {
        let payload = self.connection_init.and_then(|payload| {
            payload
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case("authorization"))
                .and_then(|(_, value)| value.as_str())
        });
        let header = self
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let value = payload.or(header)?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// A cookie by name.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        self.headers
            .get_all(http::header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// The verified caller of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// True when credentials were given and verified.
    pub authenticated: bool,
    /// Scopes, for `@requiresScopes`.
    pub scopes: Arc<[String]>,
    /// Policies that hold, for `@policy`.
    pub policies: Arc<[String]>,
    /// Values for in-process subgraphs, by type.
    pub extensions: Extensions,
    /// Headers for subgraphs reached over HTTP, for example the signed actor.
    pub forward: HeaderMap,
    /// Callers whose answers may differ must differ here.
    pub fingerprint: u64,
    /// What the fingerprint is of, in full: everything about the caller that may
    /// change an answer. Compared before answers are shared between callers;
    /// without it a fingerprint that is not 0 is believed.
    pub identity: Option<Arc<str>>,
    /// Makes the headers of `forward` anew, for subscriptions that last longer
    /// than they hold.
    pub renew: Option<Renew>,
    /// Preferred language, for error messages of subgraphs.
    pub locale: Option<Arc<str>>,
    /// When the credentials end; WebSockets are closed then.
    pub expires_at: Option<std::time::SystemTime>,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            authenticated: false,
            scopes: Arc::new([]),
            policies: Arc::new([]),
            extensions: Extensions::new(),
            forward: HeaderMap::new(),
            fingerprint: 0,
            identity: None,
            renew: None,
            locale: None,
            expires_at: None,
        }
    }
}

/// Verifies a caller again and gives the headers for subgraphs, see [`Caller::renew`].
#[derive(Clone)]
pub struct Renew {
    make: Arc<dyn Fn() -> BoxFuture<'static, Result<HeaderMap, IdentifyError>> + Send + Sync>,
    holds: Duration,
}

impl Renew {
    /// `make` is called before headers older than 30 seconds are used again. An error
    /// whose status is a server's (5xx) or 429 is taken for trouble that passes; any
    /// other one ends what the caller follows.
    pub fn new(
        make: impl Fn() -> BoxFuture<'static, Result<HeaderMap, IdentifyError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Arc::new(make),
            holds: Duration::from_secs(30),
        }
    }

    /// Uses headers for this time before they are made anew.
    #[must_use]
    pub fn holding(mut self, time: Duration) -> Self {
        self.holds = time;
        self
    }

    /// For how long headers are used.
    pub(crate) fn holds(&self) -> Duration {
        self.holds
    }

    /// The headers anew.
    ///
    /// # Errors
    /// When the caller's credentials no longer hold, or that cannot be found out.
    pub async fn headers(&self) -> Result<HeaderMap, IdentifyError> {
        (self.make)().await
    }
}

impl std::fmt::Debug for Renew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renew")
    }
}

/// Credentials that were given but do not hold.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub struct IdentifyError {
    /// Goes to `extensions.code`, for example `TOKEN_EXPIRED`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Status of the HTTP answer.
    pub http_status: StatusCode,
    /// Further `extensions`, for example `numericCode` or `retryAfterMs`.
    pub extensions: Map<String, Value>,
}

impl IdentifyError {
    /// An error without further extensions.
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        http_status: StatusCode,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            http_status,
            extensions: Map::new(),
        }
    }
}

/// Turns credentials into a caller.
#[async_trait]
pub trait Identify: Send + Sync + 'static {
    /// Verifies `credentials`. No credentials at all are an anonymous caller, not an error.
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError>;
}

/// Everybody is anonymous.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

#[async_trait]
impl Identify for Anonymous {
    async fn identify(&self, _: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        Ok(Caller::default())
    }
}
