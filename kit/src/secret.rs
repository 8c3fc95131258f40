//! The secret of an installation, and the keys derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The installation's secret. Every key is derived from it for one purpose, so that a leaked key
/// reveals nothing about the others.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Shorter secrets can be guessed.
const SHORTEST: usize = 32;

/// The secret is too short.
#[derive(Debug, thiserror::Error)]
#[error("the secret must have at least {SHORTEST} characters; make one with: openssl rand -hex 32")]
pub struct ShortSecret;

impl Secret {
    /// Takes a secret of at least 32 bytes.
    ///
    /// # Errors
    /// [`ShortSecret`] for anything shorter.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, ShortSecret> {
        let secret = secret.into();
        if secret.len() < SHORTEST {
            return Err(ShortSecret);
        }
        Ok(Self(secret))
    }

    /// Derives the key for a purpose (HMAC-SHA-256 of the purpose's name under the secret).
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl From<[u8; 32]> for Secret {
    /// Wraps a derived key, to derive further keys from it.
    fn from(key: [u8; 32]) -> Self {
        Self(key.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn keys_differ_by_purpose_and_short_secrets_are_refused() {
        let secret = Secret::new("0123456789abcdef0123456789abcdef").unwrap();
        assert_ne!(secret.derive("actor"), secret.derive("cursors"));
        assert_eq!(secret.derive("actor"), secret.derive("actor"));
        assert!(Secret::new("short").is_err());
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
