//! What an installation decides about its accounts.

use std::fmt;

use chrono::TimeDelta;

/// How much work a password hash is (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory, KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
}

/// The domain's configuration.
#[derive(Clone)]
pub struct AccountsConfig {
    /// Seals the signing keys in the database; derived from the installation's secret.
    pub key: [u8; 32],
    /// The `iss` of access tokens.
    pub issuer: String,
    /// How long an access token is valid.
    pub access_lifetime: TimeDelta,
    /// How long a session lives without being used; each refresh renews it.
    pub session_lifetime: TimeDelta,
    /// How long after its first use a refresh token gives the same new tokens again, to the same
    /// client: one whose answer was lost, or whose tabs refresh at once. Zero: never.
    pub refresh_reuse: TimeDelta,
    /// How long a key signs before the next one takes over.
    pub key_lifetime: TimeDelta,
    /// How long a deleted account can be brought back.
    pub deletion_grace: TimeDelta,
    /// The work of hashing a password. Argon2id, one lane.
    pub hash_cost: HashCost,
    /// Passwords hashed at the same time.
    pub hash_parallelism: usize,
    /// Registrations from one network (an IPv4 address, an IPv6 /64) before each has to wait twice as
    /// long as the one before.
    pub registrations_per_network: u32,
}

impl AccountsConfig {
    /// The defaults, with `key` (derived from the installation's secret) to seal signing keys.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            issuer: "atelier".to_owned(),
            access_lifetime: TimeDelta::minutes(15),
            session_lifetime: TimeDelta::days(30),
            refresh_reuse: TimeDelta::seconds(30),
            key_lifetime: TimeDelta::days(30),
            deletion_grace: TimeDelta::days(30),
            // OWASP's recommendation for argon2id.
            hash_cost: HashCost {
                memory: 19 * 1024,
                passes: 2,
            },
            hash_parallelism: std::thread::available_parallelism().map_or(2, usize::from),
            registrations_per_network: 20,
        }
    }
}

impl fmt::Debug for AccountsConfig {
    /// The key is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsConfig")
            .field("issuer", &self.issuer)
            .field("access_lifetime", &self.access_lifetime)
            .field("session_lifetime", &self.session_lifetime)
            .finish_non_exhaustive()
    }
}
