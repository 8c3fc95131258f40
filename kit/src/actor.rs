//! Who is calling: verified once by the router, then trusted by every subgraph.
//!
//! In process the [`Actor`] travels as a value. Over HTTP it is a header that its issuer has signed
//! for one subgraph and for seconds; nothing else that a request says of its caller is believed.

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

/// The header in which an [`Actor`] goes from router to subgraph.
pub const ACTOR_HEADER: &str = "x-atelier-actor";

pub use self::{
    keys::{KeyError, KeyFolder},
    sign::ActorSigner,
    verify::ActorVerifier,
};

/// The header in which [`Actor::nonce`] goes from router to subgraph, in decimal digits.
pub const NONCE_HEADER: &str = "x-atelier-nonce";

/// The issuer that may speak for anybody; every other one speaks for itself alone.
pub const ROUTER: &str = "router";

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
    /// The id of the client's request, the same in every log line it causes. Between processes it
    /// goes beside the signed actor, as `x-request-id`.
    #[serde(skip)]
    pub request_id: String,
    /// Random for each request of a client, the same for everything that it causes; zero where no
    /// client has asked. Between processes it goes beside the signed actor, as [`NONCE_HEADER`].
    #[serde(skip)]
    pub nonce: u64,
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

    /// Whether the caller holds `scope`. Scopes are what people and their programs hold; a part of the
    /// system has none.
    pub fn has_scope(&self, scope: &str) -> bool {
        match self.identity {
            Identity::Service { .. } => false,
            Identity::Anonymous | Identity::User { .. } => self.scopes.contains(scope),
        }
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
