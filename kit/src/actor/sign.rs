//! Signing actors for other processes (JWT, RFC 7519, with Ed25519, RFC 8037).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::{Actor, Identity, KeyFolder, ROUTER};
use crate::error::{Error, ErrorCode};

/// How long a signature is valid.
pub(super) const LIFETIME: TimeDelta = TimeDelta::seconds(30);
/// How long a signature is reused for the same actor and the same subgraph.
const REUSED: Duration = Duration::from_secs(10);
/// The most signatures that are cached.
const KEPT: u64 = 10_000;
/// The media type of a signed actor (the `typ` of RFC 7515), so that no other token can be taken
/// for one.
pub(super) const TYPE: &str = "atelier-actor+jwt";

/// The claims that an issuer signs.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// The subgraph that the signature is meant for.
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) actor: Actor,
}

/// Signs actors with the keys of the issuers that this process speaks for; cheap to clone.
#[derive(Clone)]
pub struct ActorSigner {
    keys: KeyFolder,
    made: Cache<(String, Vec<u8>), Arc<str>>,
}

impl ActorSigner {
    /// Creates a signer with the private keys in `keys`.
    pub fn new(keys: KeyFolder) -> Self {
        let made = Cache::builder()
            .max_capacity(KEPT)
            .time_to_live(REUSED)
            .build();
        Self { keys, made }
    }

    /// Returns the header value that proves `actor` to the subgraph `audience` for a few seconds. A
    /// service signs for itself, the router for all other callers.
    ///
    /// # Errors
    /// `INTERNAL` if the issuer's key is missing or invalid.
    pub fn sign(
        &self,
        actor: &Actor,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<str>, Error> {
        let key = (audience.to_owned(), serde_json::to_vec(actor)?);
        if let Some(made) = self.made.get(&key) {
            return Ok(made);
        }
        let issuer = match &actor.identity {
            Identity::Service { name } => name,
            Identity::Anonymous | Identity::User { .. } => ROUTER,
        };
        let private = self.keys.private(issuer);
        let private = private.map_err(|cause| Error::caused(ErrorCode::Internal, cause))?;
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            actor: actor.clone(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(private.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let made: Arc<str> = jsonwebtoken::encode(&header, &claims, &private.key)?.into();
        self.made.insert(key, Arc::clone(&made));
        Ok(made)
    }
}
