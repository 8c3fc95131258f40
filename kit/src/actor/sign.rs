//! Signing actors for other processes (JWT, RFC 7519, with Ed25519, RFC 8037).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::{Actor, Identity, KeyFolder, ROUTER};
use crate::error::{Error, ErrorCode};

/// How long a signature holds.
pub(super) const LIFETIME: TimeDelta = TimeDelta::seconds(30);
/// For how long a signature is used again for the same actor and the same subgraph.
const REUSED: Duration = Duration::from_secs(10);
/// Signatures kept at a time.
const KEPT: u64 = 10_000;
/// The media type of a signed actor (the `typ` of RFC 7515), so that no other token of ours is
/// taken for one.
pub(super) const TYPE: &str = "atelier-actor+jwt";

/// What an issuer signs.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// The subgraph that may believe it.
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) actor: Actor,
}

/// Signs actors with the keys of the issuers that this process speaks for. Cheap to clone.
#[derive(Clone)]
pub struct ActorSigner {
    keys: KeyFolder,
    made: Cache<(String, Vec<u8>), Arc<str>>,
}

impl ActorSigner {
    /// A signer with the private keys in `keys`.
    pub fn new(keys: KeyFolder) -> Self {
        let made = Cache::builder()
            .max_capacity(KEPT)
            .time_to_live(REUSED)
            .build();
        Self { keys, made }
    }

    /// The header value that proves `actor` to the subgraph `audience` for some seconds. A service
    /// signs for itself, the router for everybody else.
    ///
    /// # Errors
    /// `INTERNAL` if the issuer's key is missing or wrong.
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
