//! Devices on which somebody has signed in before.
//!
//! Whoever signs in gets a token that their client keeps, also after signing out, and shows at the next
//! sign-in. It proves nothing about who they are; it only says that their guesses are not to be counted
//! with those of strangers. The server keeps none: a token carries its own proof.

use atelier_kit::{
    Deps,
    id::{Id, User},
    secret::Secret,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::secret_token;
use crate::config::AccountsConfig;

/// What a device token starts with.
const PREFIX: &str = "atd_";

/// A device of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    user: Id<User>,
    nonce: [u8; 16],
}

impl Device {
    /// A device on which `user` signs in for the first time.
    pub fn new(deps: &Deps, user: Id<User>) -> Self {
        Self {
            user,
            nonce: deps.random_bytes(),
        }
    }

    /// The device of a token that this installation has issued for `user`.
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
        // Compared by their hashes: how long it takes tells nothing about the bytes.
        let genuine = secret_token::hash(&device.token(config)) == secret_token::hash(token);
        (Uuid::from_bytes(*account) == user.uuid() && genuine).then_some(device)
    }

    /// The token, to be kept by the client.
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

    /// What it is counted by.
    pub fn id(&self) -> String {
        format!("{} {}", self.user, URL_SAFE_NO_PAD.encode(self.nonce))
    }
}
