//! Devices on which somebody has signed in before.
//!
//! At sign-in, a client gets a device token, which it keeps even after signing out and sends with
//! the next sign-in. The token proves nothing about who somebody is; it only keeps their attempts
//! from being counted together with those of strangers. The server stores none of them: each token
//! carries its own proof.

use atelier_kit::{
    Deps,
    id::{Id, User},
    secret::Secret,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::secret_token;
use crate::config::AccountsConfig;

/// The prefix of device tokens.
const PREFIX: &str = "atd_";

/// A device of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    user: Id<User>,
    nonce: [u8; 16],
}

impl Device {
    /// Creates a device on which `user` signs in for the first time.
    pub fn new(deps: &Deps, user: Id<User>) -> Self {
        Self {
            user,
            nonce: deps.random_bytes(),
        }
    }

    /// Returns the device of a token, if this installation has issued it for `user`.
    pub fn read(config: &AccountsConfig, token: &str, user: Id<User>) -> Option<Self> {
        let encoded = token.strip_prefix(PREFIX)?;
        if encoded.len() > 64 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (nonce, _) = rest.split_first_chunk::<16>()?;
        let device = Self {
            user,
            nonce: *nonce,
        };
        // Hashes are compared, so that the time it takes reveals nothing about the bytes.
        let genuine = secret_token::hash(&device.token(config)) == secret_token::hash(token);
        (Uuid::from_bytes(*account) == user.uuid() && genuine).then_some(device)
    }

    /// Returns the token, for the client to keep.
    pub fn token(&self, config: &AccountsConfig) -> String {
        let proof = Secret::from(config.key).derive(&format!("device {}", self.id()));
        let bytes = [
            self.user.uuid().as_bytes().as_slice(),
            &self.nonce,
            &proof[..16],
        ]
        .concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the id by which attempts from this device are counted.
    pub fn id(&self) -> String {
        format!("{} {}", self.user, URL_SAFE_NO_PAD.encode(self.nonce))
    }
}
