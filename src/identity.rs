//! Verifying callers: one look at the credential, once per request, for every part of the graph.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use atelier_kit::{
    Locale,
    actor::{ACTOR_HEADER, Actor, ActorSigner, Identity},
    clock::{Clock, SystemClock},
    error::ErrorCode,
    id::{Id, Session, User},
    peers::Peers,
    redis::{Redis, Signal},
};
use atelier_router::{Caller, Credentials, Identify, IdentifyError, Renew};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use chrono::{DateTime, Utc};
use moka::future::Cache;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// The cookie that may hold an access token, for browsers.
const COOKIE: &str = "atelier_token";
/// The header in which partners send API keys.
const API_KEY: &str = "x-api-key";
/// The header in which this process notes the client's address; clients cannot set it.
pub const CLIENT_IP: &str = "x-atelier-client-ip";
/// How long an answer about a credential is believed without asking again. Changes are told at
/// once; this bounds the harm when the telling is lost.
const BELIEVED: Duration = Duration::from_secs(5);
/// Credentials remembered at a time.
const REMEMBERED: u64 = 50_000;

const RESOLVE: &str = "query IdentityResolve($token: String!) { \
    identityResolve(token: $token) { userId sessionId scopes expiresAt } }";

/// What accounts says of a credential that holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    user_id: Id<User>,
    session_id: Option<Id<Session>>,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
}

/// Verifies credentials with the accounts domain.
#[derive(Clone)]
pub struct Verifier {
    peers: Arc<dyn Peers>,
    signer: Arc<ActorSigner>,
    /// By SHA-256 of the credential, so that no secret stays in memory.
    known: Cache<[u8; 32], Arc<Resolved>>,
    /// Whether actors go to other processes and so must be signed.
    sign: bool,
}

impl Verifier {
    /// A verifier; `sign` if subgraphs are in other processes.
    pub fn new(peers: Arc<dyn Peers>, signer: ActorSigner, sign: bool) -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(BELIEVED)
            .support_invalidation_closures()
            .build();
        Self {
            peers,
            signer: Arc::new(signer),
            known,
            sign,
        }
    }

    /// Forgets what is known of users as accounts tells of changes, until `stop`.
    pub async fn follow_changes(self: Arc<Self>, redis: Redis, stop: CancellationToken) {
        let mut changes = redis.subscribe("identity:changed");
        while let Some(Some(signal)) = stop.run_until_cancelled(changes.recv()).await {
            match signal {
                Signal::Message(message) => {
                    let user = std::str::from_utf8(&message)
                        .ok()
                        .and_then(|text| text.parse::<Id<User>>().ok());
                    if let Some(user) = user {
                        let _ = self
                            .known
                            .invalidate_entries_if(move |_, known| known.user_id == user);
                    }
                }
                Signal::Subscribed | Signal::Missed => self.known.invalidate_all(),
            }
        }
    }

    /// The router itself, for what no client asks of subgraphs.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn own(&self) -> Result<Caller, IdentifyError> {
        self.caller(Actor::service("router"), true, None)
    }

    async fn resolve(&self, token: &str, locale: Locale) -> Result<Arc<Resolved>, IdentifyError> {
        use sha2::{Digest, Sha256};
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let ask = async {
            let variables = serde_json::json!({ "token": token });
            let mut answer = self
                .peers
                .call("accounts", Actor::service("router"), RESOLVE, variables)
                .await?;
            let resolved: Resolved = serde_json::from_value(answer["identityResolve"].take())?;
            Ok::<_, atelier_kit::error::Error>(Arc::new(resolved))
        };
        let resolved = self.known.try_get_with(key, ask).await.map_err(|error| {
            if let Some(cause) = error.cause_chain() {
                tracing::error!(target: "error", cause, "accounts cannot verify callers");
            }
            refused(error.code(), locale)
        })?;
        Ok(resolved)
    }

    /// The caller with this credential, as it holds now.
    async fn verified(
        &self,
        mut actor: Actor,
        token: Option<&str>,
    ) -> Result<Caller, IdentifyError> {
        let Some(token) = token else {
            return self.caller(actor, false, None);
        };
        if token.len() > 4096 {
            return Err(refused(ErrorCode::Unauthenticated, actor.locale));
        }
        let resolved = self.resolve(token, actor.locale).await?;
        // An answer that is still believed may have run out since it was given.
        if resolved
            .expires_at
            .is_some_and(|at| at <= SystemClock.now())
        {
            return Err(refused(ErrorCode::TokenExpired, actor.locale));
        }
        actor.identity = Identity::User {
            user: resolved.user_id,
            session: resolved.session_id,
        };
        actor.scopes = resolved.scopes.iter().cloned().collect::<BTreeSet<_>>();
        self.caller(actor, true, resolved.expires_at)
    }

    fn caller(
        &self,
        actor: Actor,
        authenticated: bool,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Caller, IdentifyError> {
        let mut forward = HeaderMap::new();
        if self.sign {
            let signed = self.signer.sign(&actor, SystemClock.now()).ok();
            let header = signed.and_then(|signed| HeaderValue::from_str(&signed).ok());
            forward.insert(
                ACTOR_HEADER,
                header.ok_or_else(|| refused(ErrorCode::Internal, actor.locale))?,
            );
        }
        let scopes: Arc<[String]> = actor.scopes.iter().cloned().collect();
        let locale = Some(actor.locale.tag().into());
        let identity = identity(&actor);
        let person = match &actor.identity {
            Identity::User { user, .. } => hashed(user),
            Identity::Anonymous | Identity::Service { .. } => 0,
        };
        let fingerprint = hashed(&identity);
        let mut extensions = axum::http::Extensions::new();
        extensions.insert(Arc::new(actor));
        Ok(Caller {
            authenticated,
            scopes,
            extensions,
            forward,
            fingerprint,
            person,
            identity: Some(identity.into()),
            locale,
            expires_at: expires_at.and_then(|at| {
                let seconds = u64::try_from(at.timestamp()).ok()?;
                UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
            }),
            ..Caller::default()
        })
    }
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Everything that may change an answer, and nothing that differs by request.
fn identity(actor: &Actor) -> String {
    let (scopes, locale) = (&actor.scopes, actor.locale.tag());
    match &actor.identity {
        Identity::Anonymous => format!("anonymous {scopes:?} {locale}"),
        Identity::User { user, session } => format!("user {user} {session:?} {scopes:?} {locale}"),
        Identity::Service { name } => format!("service {name:?} {scopes:?} {locale}"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What a request tells of the client beside who it is.
fn anonymous(credentials: &Credentials<'_>) -> Actor {
    let headers = credentials.headers;
    Actor {
        locale: header(headers, header::ACCEPT_LANGUAGE.as_str())
            .map(Locale::from_accept_language)
            .unwrap_or_default(),
        request_id: header(headers, "x-request-id")
            .unwrap_or_default()
            .to_owned(),
        ip: header(headers, CLIENT_IP).map(str::to_owned),
        user_agent: header(headers, header::USER_AGENT.as_str())
            .map(|agent| agent.chars().take(256).collect()),
        ..Actor::anonymous()
    }
}

fn refused(code: ErrorCode, locale: Locale) -> IdentifyError {
    let spec = code.spec();
    let status = StatusCode::from_u16(spec.http_status).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut error = IdentifyError::new(spec.name, spec.message(locale), status);
    error
        .extensions
        .insert("numericCode".to_owned(), spec.numeric.into());
    error
}

#[async_trait]
impl Identify for Verifier {
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        let actor = anonymous(credentials);
        let token = credentials
            .bearer()
            .or_else(|| header(credentials.headers, API_KEY))
            .or_else(|| credentials.cookie(COOKIE));
        let token = token.map(str::to_owned);
        let mut caller = self.verified(actor.clone(), token.as_deref()).await?;
        // Signatures hold for a minute and credentials may be revoked, subscriptions last longer.
        if self.sign || token.is_some() {
            let verifier = self.clone();
            caller.renew = Some(Renew::new(move || {
                let (verifier, actor, token) = (verifier.clone(), actor.clone(), token.clone());
                Box::pin(async move {
                    let caller = verifier.verified(actor, token.as_deref()).await?;
                    Ok(caller.forward)
                })
            }));
        }
        Ok(caller)
    }
}

#[cfg(test)]
mod tests;
