//! The domain's decisions: who may do what, with one transaction per change.

pub mod access_token;
pub mod audit;
pub mod authority;
pub mod avatar;
pub mod deletion;
pub mod device;
pub mod identity;
pub mod login;
pub mod name;
pub mod network;
pub mod password;
pub mod plan;
pub mod profile;
pub mod proof;
pub mod quota;
pub mod refresh;
pub mod register;
pub mod reservation;
pub mod reserved;
pub mod role;
pub mod secret_token;
pub mod seed;
pub mod session;
pub mod signing;
pub mod status;
pub mod sweep;
pub mod throttle;
pub mod user;

pub use atelier_kit::text;
use atelier_kit::{
    Deps,
    id::{Id, User},
};
use chrono::{DateTime, Utc};

use crate::config::AccountsConfig;
use password::Passwords;
use signing::KeyRing;

/// The Redis channel (without prefix) that announces changed identities; see
/// [`IDENTITY_CHANGED`](crate::IDENTITY_CHANGED).
pub const IDENTITY_CHANGED: &str = "identity:changed";

/// The context of all operations of the domain.
pub struct Accounts {
    pub deps: Deps,
    pub config: AccountsConfig,
    pub passwords: Passwords,
    pub keys: KeyRing,
    /// The operations that have used a password.
    pub hashing: password::claims::Claims,
    /// Counts attempts while Redis is unavailable.
    pub attempts: throttle::Local,
}

impl Accounts {
    /// Creates the context.
    pub fn new(deps: Deps, config: AccountsConfig) -> Self {
        Self {
            passwords: Passwords::new(&config),
            keys: KeyRing::new(&config),
            hashing: password::claims::Claims::default(),
            attempts: throttle::Local::default(),
            deps,
            config,
        }
    }

    /// Returns the current time.
    pub fn now(&self) -> DateTime<Utc> {
        self.deps.clock.now()
    }

    /// Tells all caches of identities to drop those of `users`. Call it after the commit.
    pub async fn identity_changed(&self, users: &[Id<User>]) {
        for user in users {
            // Cached identities are short-lived: a lost message only delays the change.
            if let Err(cause) = self
                .deps
                .redis
                .publish(IDENTITY_CHANGED, user.to_string().as_bytes())
                .await
            {
                tracing::warn!(error = %cause, user = %user, "could not announce a changed identity");
            }
        }
    }
}
