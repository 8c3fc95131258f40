//! The caller: verified once by the router, then trusted by every subgraph.
//!
//! In process, the [`Actor`] is passed as a value. Over HTTP it is a header that its issuer has
//! signed for one subgraph and for a few seconds; nothing else that a request says about its caller
//! is trusted.

mod keys;
mod sign;
mod verify;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Locale,
    error::{Error, ErrorCode},
    id::{AccessToken, Id, Session, User},
};

/// The header that carries an [`Actor`] from the router to a subgraph.
pub const ACTOR_HEADER: &str = "x-atelier-actor";

pub use self::{
    keys::{KeyError, KeyFolder},
    sign::ActorSigner,
    verify::ActorVerifier,
};

/// The header that carries [`Actor::nonce`] from the router to a subgraph, in decimal digits.
pub const NONCE_HEADER: &str = "x-atelier-nonce";

/// The issuer that may speak for anybody; every other issuer speaks only for itself.
pub const ROUTER: &str = "router";

/// The caller, and where the request comes from. Shared as `Arc<Actor>` once it is verified.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// The identity of the caller.
    pub identity: Identity,
    /// The access token or API key that the caller authenticated with; `None` for sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Id<AccessToken>>,
    /// The scopes of the caller, such as `admin:users` or `worker`.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// The language of messages.
    #[serde(default)]
    pub locale: Locale,
    /// The id of the client's request, which is in every log line that the request causes. Between
    /// processes it is sent next to the signed actor, as `x-request-id`.
    #[serde(skip)]
    pub request_id: String,
    /// A random number for each request of a client, the same for everything that the request
    /// causes; zero if there is no client. Between processes it is sent next to the signed actor,
    /// as [`NONCE_HEADER`].
    #[serde(skip)]
    pub nonce: u64,
    /// The client's IP address, if it is known.
    #[serde(default)]
    pub ip: Option<String>,
    /// The client's `User-Agent`, cut to 256 characters.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// The identity of an [`Actor`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// An anonymous caller.
    #[default]
    Anonymous,
    /// A person or bot.
    User {
        /// The account.
        user: Id<User>,
        /// The session; `None` for access tokens and API keys.
        session: Option<Id<Session>>,
    },
    /// Another part of the system.
    Service {
        /// Its name: that of a domain, `router` or `worker`.
        name: String,
    },
}

impl Actor {
    /// Creates an anonymous actor.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Creates the actor of a service: a part of the system that acts on its own behalf.
    pub fn service(name: &str) -> Self {
        Self {
            identity: Identity::Service { name: name.into() },
            ..Self::default()
        }
    }

    /// Creates the actor of a signed-in user with scopes; mostly for tests.
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

    /// Returns the signed-in user, if there is one.
    pub fn user_id(&self) -> Option<Id<User>> {
        match self.identity {
            Identity::User { user, .. } => Some(user),
            Identity::Anonymous | Identity::Service { .. } => None,
        }
    }

    /// Returns the session, if the caller has one.
    pub fn session_id(&self) -> Option<Id<Session>> {
        match self.identity {
            Identity::User { session, .. } => session,
            Identity::Anonymous | Identity::Service { .. } => None,
        }
    }

    /// Whether the caller holds `scope`. Services hold no scopes.
    pub fn has_scope(&self, scope: &str) -> bool {
        match self.identity {
            Identity::Service { .. } => false,
            Identity::Anonymous | Identity::User { .. } => self.scopes.contains(scope),
        }
    }

    /// Returns the signed-in user.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in.
    pub fn require_user(&self) -> Result<Id<User>, Error> {
        self.user_id().ok_or(Error::new(ErrorCode::Unauthenticated))
    }

    /// Requires a scope.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the caller is anonymous, `FORBIDDEN` if they do not hold the scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Error> {
        match (&self.identity, self.has_scope(scope)) {
            (_, true) => Ok(()),
            (Identity::Anonymous, false) => Err(Error::new(ErrorCode::Unauthenticated)),
            (_, false) => Err(Error::new(ErrorCode::Forbidden)),
        }
    }

    /// Requires the caller to be a service, and returns its name.
    ///
    /// # Errors
    /// `FORBIDDEN` for all other callers.
    pub fn require_service(&self) -> Result<&str, Error> {
        match &self.identity {
            Identity::Service { name } => Ok(name),
            Identity::Anonymous | Identity::User { .. } => Err(Error::new(ErrorCode::Forbidden)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let service = Actor {
            scopes: user.scopes.clone(),
            ..Actor::service("media")
        };
        assert_eq!(
            service.require_scope("worker").unwrap_err().code(),
            ErrorCode::Forbidden
        );
    }
}
