//! Who is calling: verified once by the router, then trusted by every subgraph.
//!
//! In process the [`Actor`] travels as a value. Over HTTP it is a signed header that lives for a
//! minute; nothing else that a request carries is believed.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    Locale,
    error::{Error, ErrorCode},
    id::{AccessToken, Id, Session, User},
};

/// The header in which an [`Actor`] goes from router to subgraph.
pub const ACTOR_HEADER: &str = "x-atelier-actor";

/// How long a signed actor is valid.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Who is calling, and from where. Shared as `Arc<Actor>` once it is verified.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller it is.
    pub identity: Identity,
    /// The access token or API key the caller came with: programs have one, people have sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Id<AccessToken>>,
    /// What the caller may do: `admin:users`, `worker`, …
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// The language for messages.
    #[serde(default)]
    pub locale: Locale,
    /// The id of the client's request, the same in every log line it causes.
    #[serde(default)]
    pub request_id: String,
    /// The client's address, where it is known.
    #[serde(default)]
    pub ip: Option<String>,
    /// The client's `User-Agent`, cut to 256 characters.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// What kind of caller an [`Actor`] is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// Nobody is signed in.
    #[default]
    Anonymous,
    /// A person or bot.
    User {
        /// The account.
        user: Id<User>,
        /// The sign-in, where there is one: tokens and API keys have none.
        session: Option<Id<Session>>,
    },
    /// Another part of the system.
    Service {
        /// Which: a domain's name, `router`, `worker`.
        name: String,
    },
}

impl Actor {
    /// Nobody.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A part of the system that acts on its own.
    pub fn service(name: &str) -> Self {
        Self {
            identity: Identity::Service { name: name.into() },
            ..Self::default()
        }
    }

    /// A signed-in user with scopes; mostly for tests.
    pub fn user(user: Id<User>, scopes: &[&str]) -> Self {
        Self {
            identity: Identity::User {
                user,
                session: None,
            },
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The signed-in user, if there is one.
    pub fn user_id(&self) -> Option<Id<User>> {
        match self.identity {
            Identity::User { user, .. } => Some(user),
            Identity::Anonymous | Identity::Service { .. } => None,
        }
    }

    /// The sign-in, if the caller has one.
    pub fn session_id(&self) -> Option<Id<Session>> {
        match self.identity {
            Identity::User { session, .. } => session,
            Identity::Anonymous | Identity::Service { .. } => None,
        }
    }

    /// Whether the caller holds `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in.
    pub fn require_user(&self) -> Result<Id<User>, Error> {
        self.user_id().ok_or(Error::new(ErrorCode::Unauthenticated))
    }

    /// Demands a scope.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for somebody without the scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Error> {
        match (&self.identity, self.has_scope(scope)) {
            (_, true) => Ok(()),
            (Identity::Anonymous, false) => Err(Error::new(ErrorCode::Unauthenticated)),
            (_, false) => Err(Error::new(ErrorCode::Forbidden)),
        }
    }

    /// Demands that another part of the system calls, not a person.
    ///
    /// # Errors
    /// `FORBIDDEN` for everybody else.
    pub fn require_service(&self) -> Result<&str, Error> {
        match &self.identity {
            Identity::Service { name } => Ok(name),
            Identity::Anonymous | Identity::User { .. } => Err(Error::new(ErrorCode::Forbidden)),
        }
    }
}

/// Signs and verifies the actor header with a secret that router and subgraphs share.
#[derive(Clone)]
pub struct ActorSigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    actor: Actor,
    exp: i64,
}

impl ActorSigner {
    /// A signer with `secret`, at least 32 bytes of randomness.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// The header value for `actor`, valid for a minute.
    ///
    /// # Errors
    /// `INTERNAL` if the actor cannot be serialised.
    pub fn sign(&self, actor: &Actor, now: DateTime<Utc>) -> Result<String, Error> {
        let claims = Claims {
            actor: actor.clone(),
            exp: (now + LIFETIME).timestamp(),
        };
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &self.encoding,
        )?)
    }

    /// The actor of a header value.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for a header that is forged, damaged or too old.
    pub fn verify(&self, header: &str, now: DateTime<Utc>) -> Result<Actor, Error> {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is judged by the injected clock below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(header, &self.decoding, &validation)
            .map_err(|cause| Error::caused(ErrorCode::Unauthenticated, cause))?
            .claims;
        if claims.exp < now.timestamp() {
            return Err(Error::new(ErrorCode::Unauthenticated));
        }
        Ok(claims.actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn signer() -> ActorSigner {
        ActorSigner::new(b"0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn a_signed_actor_comes_back_as_it_was() {
        let now = SystemClock.now();
        let actor = Actor::user(Id::from_uuid(uuid::Uuid::nil()), &["worker"]);
        let header = signer().sign(&actor, now).unwrap();
        assert_eq!(signer().verify(&header, now).unwrap(), actor);
    }

    #[test]
    fn old_forged_and_damaged_actors_are_refused() {
        let now = SystemClock.now();
        let header = signer().sign(&Actor::service("router"), now).unwrap();
        let forged = ActorSigner::new(b"another secret, another secret!!")
            .sign(&Actor::service("router"), now)
            .unwrap();
        for (header, at) in [
            (header.as_str(), now + TimeDelta::seconds(61)),
            (&forged, now),
            (&header[1..], now),
            ("", now),
        ] {
            assert_eq!(
                signer().verify(header, at).unwrap_err().code(),
                ErrorCode::Unauthenticated
            );
        }
    }

    #[test]
    fn scopes_and_kinds_are_demanded() {
        let user = Actor::user(Id::from_uuid(uuid::Uuid::nil()), &["worker"]);
        assert!(user.require_scope("worker").is_ok());
        assert_eq!(
            user.require_scope("admin:users").unwrap_err().code(),
            ErrorCode::Forbidden
        );
        assert_eq!(
            Actor::anonymous()
                .require_scope("worker")
                .unwrap_err()
                .code(),
            ErrorCode::Unauthenticated
        );
        assert_eq!(
            user.require_service().unwrap_err().code(),
            ErrorCode::Forbidden
        );
        assert_eq!(Actor::service("media").require_service().unwrap(), "media");
    }
}
