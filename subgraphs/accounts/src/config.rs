//! What an installation decides about its accounts.

use std::fmt;

use atelier_kit::{
    config::{Check, Cores, Count, Problem, Span, Text},
    section,
};
use chrono::TimeDelta;

section! {
    /// How much work a password hash is: Argon2id with one lane (RFC 9106 §3.1). The defaults are what
    /// OWASP recommends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct HashCost in "accounts.hash_cost" {
        /// Memory of one hash, KiB.
        pub memory: u32 as Count = "19456",
        /// Passes over the memory.
        pub passes: u32 as Count = "2",
    }
}

section! {
    /// The domain's configuration.
    #[derive(Clone)]
    pub struct AccountsConfig in "accounts" {
        /// The `iss` of access tokens.
        pub issuer: String as Text = "atelier",
        /// How long an access token is valid.
        pub access_lifetime: TimeDelta as Span = "15m",
        /// How long a session lives without being used; each refresh renews it.
        pub session_lifetime: TimeDelta as Span = "30d",
        /// How long after its first use a refresh token gives the same new tokens again, to the same
        /// client: one whose answer was lost, or whose tabs refresh at once. Zero: never.
        pub refresh_reuse: TimeDelta as Span = "30s",
        /// How long a key signs before the next one takes over.
        pub key_lifetime: TimeDelta as Span = "30d",
        /// How long a deleted account can be brought back.
        pub deletion_grace: TimeDelta as Span = "30d",
        /// Passwords hashed at the same time.
        pub hash_parallelism: usize as Cores = "auto",
        /// Registrations from one network (an IPv4 address, an IPv6 /64) before each has to wait twice
        /// as long as the one before.
        pub registrations_per_network: u32 as Count = "20",
    }
    given {
        /// Seals the signing keys in the database; derived from the installation's secret.
        pub key: [u8; 32],
        /// The work of hashing a password.
        pub hash_cost: HashCost,
    }
}

impl AccountsConfig {
    /// The defaults, with `key` (derived from the installation's secret) to seal signing keys.
    pub fn new(key: [u8; 32]) -> Self {
        Self::defaults(key, HashCost::defaults())
    }
}

impl Check for AccountsConfig {
    fn check(&self) -> Result<(), Problem> {
        let second = TimeDelta::seconds(1);
        Problem::unless(
            (second..=TimeDelta::days(1)).contains(&self.access_lifetime),
            "access_lifetime",
            "between 1s and 1d: until then a token of somebody who lost the right to it may be believed by others who verify it by the JWKS",
        )?;
        Problem::unless(
            self.session_lifetime >= self.access_lifetime,
            "session_lifetime",
            "at least as long as access_lifetime",
        )?;
        Problem::unless(
            self.refresh_reuse <= TimeDelta::minutes(5),
            "refresh_reuse",
            "at most 5m: meanwhile a stolen refresh token looks like a client that asks again",
        )?;
        Problem::unless(
            self.key_lifetime >= TimeDelta::hours(1) && self.key_lifetime >= self.access_lifetime,
            "key_lifetime",
            "at least 1h, and as long as access_lifetime",
        )
    }
}

impl Check for HashCost {
    fn check(&self) -> Result<(), Problem> {
        Problem::unless(
            (8..=4 * 1024 * 1024).contains(&self.memory),
            "memory",
            "between 8 and 4194304 (4 GiB)",
        )?;
        Problem::unless(
            (1..=100).contains(&self.passes),
            "passes",
            "between 1 and 100",
        )
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
