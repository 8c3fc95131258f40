//! Opaque secrets that are returned once and stored as hashes.

use atelier_kit::{Deps, secret::Secret};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::kinds::AccessTokenKind;

/// The prefix of refresh tokens.
pub const REFRESH: &str = "atr_";

/// Returns the prefix of tokens of a kind, by which owners and scanners for leaked secrets
/// recognise them.
pub const fn prefix_of(kind: AccessTokenKind) -> &'static str {
    match kind {
        AccessTokenKind::Personal => "atp_",
        AccessTokenKind::ApiKey => "atk_",
    }
}

/// Generates a secret of 256 random bits.
pub fn generate(deps: &Deps, prefix: &str) -> String {
    format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(deps.random_bytes::<32>())
    )
}

/// Derives the refresh token that follows `presented`. The same salt gives the same token, which
/// can only be computed with both the presented token and the installation's key. So it can be
/// returned again without being stored.
pub fn successor(key: [u8; 32], presented: &str, salt: &[u8]) -> String {
    let salt = URL_SAFE_NO_PAD.encode(salt);
    let next = Secret::from(key).derive(&format!("refresh {salt} {presented}"));
    format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(next))
}

/// Returns the hash that is stored of a secret. Secrets have 256 random bits, so a plain SHA-256 is
/// enough.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Whether a credential has the prefix of a personal access token or API key.
pub fn is_access_token(credential: &str) -> bool {
    [AccessTokenKind::Personal, AccessTokenKind::ApiKey]
        .iter()
        .any(|kind| credential.starts_with(prefix_of(*kind)))
}
