//! The configuration of the domain.

use std::fmt;

use chrono::TimeDelta;

/// The cost of hashing a password (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory: u32,
    /// The number of passes over the memory.
    pub passes: u32,
}

/// The domain's configuration.
#[derive(Clone)]
pub struct AccountsConfig {
    /// The key that seals the signing keys in the database, derived from the installation's secret.
    pub key: [u8; 32],
    /// The issuer (`iss`) of access tokens.
    pub issuer: String,
    /// How long an access token is valid.
    pub access_lifetime: TimeDelta,
    /// How long a session lasts without a refresh; each refresh prolongs it by this time.
    pub session_lifetime: TimeDelta,
    /// How long after its first use a refresh token returns the same new tokens again to the same
    /// client, for clients whose response was lost or whose tabs refresh at the same time. Zero
    /// means never.
    pub refresh_reuse: TimeDelta,
    /// How long a key signs access tokens before it is replaced.
    pub key_lifetime: TimeDelta,
    /// How long the deletion of an account can be cancelled.
    pub deletion_grace: TimeDelta,
    /// The cost of hashing a password with Argon2id, on one lane.
    pub hash_cost: HashCost,
    /// The number of passwords that are hashed at the same time.
    pub hash_parallelism: usize,
    /// The number of registrations from one network (an IPv4 address or an IPv6 /64) that are not
    /// slowed down. Beyond it, the wait doubles with each registration.
    pub registrations_per_network: u32,
}

impl AccountsConfig {
    /// The default configuration, with `key` to seal signing keys.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            issuer: "atelier".to_owned(),
            access_lifetime: TimeDelta::minutes(15),
            session_lifetime: TimeDelta::days(30),
            refresh_reuse: TimeDelta::seconds(30),
            key_lifetime: TimeDelta::days(30),
            deletion_grace: TimeDelta::days(30),
            // OWASP's recommendation for Argon2id.
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
    /// Never prints the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsConfig")
            .field("issuer", &self.issuer)
            .field("access_lifetime", &self.access_lifetime)
            .field("session_lifetime", &self.session_lifetime)
            .finish_non_exhaustive()
    }
}
