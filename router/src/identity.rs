//! Who is calling. The router asks an [`Identify`] once per request and hands the
//! result to every stage and every subgraph. What lasts longer than a request, such
//! as a WebSocket or a subscription, has its caller verified again, see [`Renew`].

mod proof;
mod renew;
mod verified;

use std::sync::Arc;

use async_trait::async_trait;
use http::{Extensions, HeaderMap, StatusCode};
use serde_json::{Map, Value};

pub use self::proof::Proof;
pub use self::renew::{Changes, Renew};
pub(crate) use self::verified::{Verdict, VerifiedCaller};

/// What a client brought to prove who it is.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// Headers of the request, or of the WebSocket's upgrade request; cookies are in here.
    pub headers: &'a HeaderMap,
    /// Payload of `connection_init`, for WebSockets.
    pub connection_init: Option<&'a Map<String, Value>>,
    /// The request's id as it stands in the router's log: the client's own if it is
    /// short and plain, otherwise a new one.
    pub request_id: &'a str,
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
    /// Headers for all subgraphs reached over HTTP.
    pub forward: HeaderMap,
    /// Proves the caller to each subgraph reached over HTTP, for example by an actor
    /// that is signed for it.
    pub proof: Option<Proof>,
    /// Callers whose answers may differ must differ here.
    pub fingerprint: u64,
    /// Who it is, whichever credentials they use: what one person may hold open is
    /// limited. 0 where that is not known; then the fingerprint tells.
    pub person: u64,
    /// What the fingerprint is of, in full: everything about the caller that may
    /// change an answer. Compared before answers are shared between callers;
    /// without it a fingerprint that is not 0 is believed.
    pub identity: Option<Arc<str>>,
    /// Verifies the caller again: at the start of each operation of a WebSocket, and
    /// while a subscription lasts. Without it the caller is believed until
    /// [`Caller::expires_at`].
    pub renew: Option<Renew>,
    /// Preferred language, for error messages of subgraphs.
    pub locale: Option<Arc<str>>,
    /// When the credentials end; WebSockets and subscriptions end then.
    pub expires_at: Option<std::time::SystemTime>,
}

impl Caller {
    /// The person, if somebody is signed in.
    pub(crate) fn person(&self) -> Option<u64> {
        let known = [self.person, self.fingerprint]
            .into_iter()
            .find(|id| *id != 0);
        known.filter(|_| self.authenticated)
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            authenticated: false,
            scopes: Arc::new([]),
            policies: Arc::new([]),
            extensions: Extensions::new(),
            forward: HeaderMap::new(),
            proof: None,
            fingerprint: 0,
            person: 0,
            identity: None,
            renew: None,
            locale: None,
            expires_at: None,
        }
    }
}

/// True when both get the same answers to the same question.
pub(crate) fn same_caller(a: &Arc<Caller>, b: &Arc<Caller>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    let known = match (&a.identity, &b.identity) {
        (Some(a), Some(b)) => a == b,
        // Without a full identity the fingerprint counts, and without one the
        // headers that subgraphs get; who has neither is like nobody else.
        (None, None) if a.fingerprint != 0 => true,
        (None, None) => !a.authenticated && !b.authenticated && a.forward == b.forward,
        _ => false,
    };
    known
        && a.fingerprint == b.fingerprint
        && a.authenticated == b.authenticated
        && a.scopes == b.scopes
        && a.policies == b.policies
        && a.locale == b.locale
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

    /// True for trouble of whoever verifies, which says nothing about the caller: a
    /// server's error (5xx) or 429.
    pub(crate) fn passes(&self) -> bool {
        self.http_status.is_server_error() || self.http_status == StatusCode::TOO_MANY_REQUESTS
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
