//! Verifying callers: one look at the credential, once per request, for every part of the graph.

mod changes;
mod followed;

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use atelier_kit::{
    Locale,
    actor::{ACTOR_HEADER, Actor, ActorSigner, Identity, NONCE_HEADER},
    clock::{Clock, SystemClock, random_bytes},
    error::ErrorCode,
    id::{AccessToken, Id, Session, User},
    peers::Peers,
};
use atelier_router::{Caller, Credentials, Identify, IdentifyError, Proof, Renew};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use chrono::{DateTime, Utc};
use moka::future::Cache;
use serde::Deserialize;

use changes::CURRENT;
use followed::Followed;

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
/// No credential of ours is longer.
const LONGEST: usize = 4096;

const RESOLVE: &str = "query IdentityResolve($token: String!) { \
    identityResolve(token: $token) { userId sessionId accessTokenId scopes expiresAt } }";

/// SHA-256 of a credential, so that no secret stays in memory.
type CredentialKey = [u8; 32];

/// What accounts says of a credential that holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    user_id: Id<User>,
    session_id: Option<Id<Session>>,
    access_token_id: Option<Id<AccessToken>>,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
}

impl Resolved {
    fn same_rights(&self, other: &Self) -> bool {
        self.user_id == other.user_id
            && self.session_id == other.session_id
            && self.scopes == other.scopes
    }
}

/// Verifies credentials with the accounts domain.
#[derive(Clone)]
pub struct Verifier {
    peers: Arc<dyn Peers>,
    /// Proves callers to subgraphs in other processes.
    signer: Option<ActorSigner>,
    known: Cache<CredentialKey, Arc<Resolved>>,
    /// Counts what accounts has told, so that no answer from before is kept.
    told: Arc<AtomicU64>,
    followed: Followed,
}

impl Verifier {
    /// A verifier; with a `signer` if subgraphs are in other processes.
    pub fn new(peers: Arc<dyn Peers>, signer: Option<ActorSigner>) -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(BELIEVED)
            .support_invalidation_closures()
            .build();
        Self {
            peers,
            signer,
            known,
            told: Arc::default(),
            followed: Followed::default(),
        }
    }

    /// Sees that accounts answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn reach(&self) -> Result<(), String> {
        let none = serde_json::json!({ "sessions": [], "tokens": [] });
        let asked = self
            .peers
            .call("accounts", Actor::service("router"), CURRENT, none);
        let answer = asked.await.map(drop);
        answer.map_err(|error| error.cause_chain().unwrap_or_else(|| error.to_string()))
    }

    /// The router itself, for what no client asks of subgraphs.
    ///
    /// # Errors
    /// Never in practice.
    pub fn own(&self) -> Result<Caller, IdentifyError> {
        Ok(self.caller(Actor::service("router"), String::new(), None))
    }

    async fn resolve(
        &self,
        key: CredentialKey,
        token: &str,
        from: &Actor,
    ) -> Result<Arc<Resolved>, IdentifyError> {
        let told = self.told.load(Ordering::Acquire);
        let ask = async {
            let variables = serde_json::json!({ "token": token });
            // Accounts keeps on record from where a token is used.
            let router = Actor {
                ip: from.ip.clone(),
                request_id: from.request_id.clone(),
                ..Actor::service("router")
            };
            let mut answer = self
                .peers
                .call("accounts", router, RESOLVE, variables)
                .await?;
            let resolved: Resolved = serde_json::from_value(answer["identityResolve"].take())?;
            Ok::<_, atelier_kit::error::Error>(Arc::new(resolved))
        };
        let resolved = self.known.try_get_with(key, ask).await.map_err(|error| {
            if let Some(cause) = error.cause_chain() {
                tracing::error!(target: "error", cause, "accounts cannot verify callers");
            }
            refused(error.code(), from.locale)
        })?;
        if self.told.load(Ordering::Acquire) != told {
            // It may be an answer from before the change.
            self.known.invalidate(&key).await;
        }
        Ok(resolved)
    }

    /// The caller with this credential, as it holds now.
    async fn verified(
        &self,
        mut actor: Actor,
        token: Option<Arc<str>>,
    ) -> Result<Caller, IdentifyError> {
        use sha2::{Digest, Sha256};
        let Some(token) = token else {
            return Ok(self.caller(actor, String::new(), None));
        };
        if token.len() > LONGEST {
            return Err(refused(ErrorCode::Unauthenticated, actor.locale));
        }
        let key: CredentialKey = Sha256::digest(token.as_bytes()).into();
        let resolved = self.resolve(key, &token, &actor).await?;
        // An answer that is still believed may have run out since it was given.
        if resolved
            .expires_at
            .is_some_and(|at| at <= SystemClock.now())
        {
            return Err(refused(ErrorCode::TokenExpired, actor.locale));
        }
        let anonymous = actor.clone();
        actor.identity = Identity::User {
            user: resolved.user_id,
            session: resolved.session_id,
        };
        actor.access_token = resolved.access_token_id;
        actor.scopes = resolved.scopes.iter().cloned().collect::<BTreeSet<_>>();
        let credential = match resolved.session_id {
            // Of one session there are many access tokens, one after the other.
            Some(session) => session.to_string(),
            None => hex::encode(key),
        };
        let mut caller = self.caller(actor, credential, resolved.expires_at);
        caller.authenticated = true;
        caller.renew = Some(self.renewal(key, resolved, anonymous, token));
        Ok(caller)
    }

    /// How the caller is verified again.
    fn renewal(
        &self,
        key: CredentialKey,
        resolved: Arc<Resolved>,
        anonymous: Actor,
        token: Arc<str>,
    ) -> Renew {
        let (verifier, follower) = (self.clone(), self.clone());
        Renew::new(move |request_id| {
            let (verifier, token) = (verifier.clone(), Arc::clone(&token));
            let actor = Actor {
                request_id: request_id.to_string(),
                nonce: u64::from_le_bytes(random_bytes()),
                ..anonymous.clone()
            };
            Box::pin(async move { verifier.verified(actor, Some(token)).await })
        })
        .told_by(move || {
            let changes = follower.followed.follow(key, &resolved);
            // Whatever changed between the answer and now was told to nobody.
            if !follower.known.contains_key(&key) {
                follower.followed.compare(key, &resolved, None);
            }
            changes
        })
    }

    fn caller(
        &self,
        actor: Actor,
        credential: String,
        expires_at: Option<DateTime<Utc>>,
    ) -> Caller {
        let scopes: Arc<[String]> = actor.scopes.iter().cloned().collect();
        let locale = Some(actor.locale.tag().into());
        let identity = identity(&actor, &credential);
        let person = match &actor.identity {
            Identity::User { user, .. } => hashed(user),
            Identity::Anonymous | Identity::Service { .. } => 0,
        };
        let fingerprint = hashed(&identity);
        let actor = Arc::new(actor);
        let mut extensions = axum::http::Extensions::new();
        extensions.insert(Arc::clone(&actor));
        Caller {
            authenticated: !matches!(actor.identity, Identity::Anonymous),
            scopes,
            extensions,
            proof: self.signer.clone().map(|signer| proof(signer, actor)),
            fingerprint,
            person,
            identity: Some(identity.into()),
            locale,
            expires_at: expires_at.and_then(|at| {
                let seconds = u64::try_from(at.timestamp()).ok()?;
                UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
            }),
            ..Caller::default()
        }
    }
}

/// Signs `actor` for whichever subgraph is asked.
fn proof(signer: ActorSigner, actor: Arc<Actor>) -> Proof {
    Proof::new(move |subgraph| {
        let signed = signer.sign(&actor, subgraph, SystemClock.now());
        let signed =
            signed.map_err(|error| error.cause_chain().unwrap_or_else(|| error.to_string()))?;
        let value = HeaderValue::from_str(&signed).map_err(|error| error.to_string())?;
        Ok(HeaderMap::from_iter([
            (HeaderName::from_static(ACTOR_HEADER), value),
            (HeaderName::from_static(NONCE_HEADER), actor.nonce.into()),
        ]))
    })
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Everything that may change an answer, and nothing that differs by request. What one credential
/// has open ends with that one, so callers with different ones differ.
fn identity(actor: &Actor, credential: &str) -> String {
    let (scopes, locale) = (&actor.scopes, actor.locale.tag());
    match &actor.identity {
        Identity::Anonymous => format!("anonymous {scopes:?} {locale}"),
        Identity::User { user, .. } => format!("user {user} {credential} {scopes:?} {locale}"),
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
        request_id: credentials.request_id.to_owned(),
        nonce: u64::from_le_bytes(random_bytes()),
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
        let token = credentials
            .bearer()
            .or_else(|| header(credentials.headers, API_KEY))
            .or_else(|| credentials.cookie(COOKIE));
        self.verified(anonymous(credentials), token.map(Arc::from))
            .await
    }
}

#[cfg(test)]
mod tests;
