//! Opaque secrets that are handed out once and kept as hashes.

use atelier_kit::{Deps, secret::Secret};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::kinds::AccessTokenKind;

/// What a refresh token starts with.
pub const REFRESH: &str = "atr_";

/// What an access token starts with: recognisable to its owner and to scanners for leaked secrets.
pub const fn prefix_of(kind: AccessTokenKind) -> &'static str {
    match kind {
        AccessTokenKind::Personal => "atp_",
        AccessTokenKind::ApiKey => "atk_",
    }
}

/// A new secret of 256 bits.
pub fn generate(deps: &Deps, prefix: &str) -> String {
    format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(deps.random_bytes::<32>())
    )
}

/// The refresh token that follows on `presented`: the same one for the same salt, and nobody but who has
/// the token and the installation's key can tell it. So it can be given again without being kept.
pub fn successor(key: [u8; 32], presented: &str, salt: &[u8]) -> String {
    let salt = URL_SAFE_NO_PAD.encode(salt);
    let next = Secret::from(key).derive(&format!("refresh {salt} {presented}"));
    format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(next))
}

/// What is kept of a secret. It has 256 random bits, so a plain SHA-256 cannot be reversed.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Whether a credential has the shape of an access token of a user's program.
pub fn is_access_token(credential: &str) -> bool {
    [AccessTokenKind::Personal, AccessTokenKind::ApiKey]
        .iter()
        .any(|kind| credential.starts_with(prefix_of(*kind)))
}
