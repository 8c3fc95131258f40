//! Access tokens (JWT, RFC 7519, signed with Ed25519, RFC 8037) and the keys that sign them.
//!
//! The keys are in the database, with their private halves sealed. The newest key signs; retired
//! keys stay in the JWKS (RFC 7517) until all tokens that they signed have expired.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    Deps,
    error::{Error, ErrorCode},
    id::{Id, Session, User},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{AlgorithmParameters, Jwk},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::{
    config::AccountsConfig,
    db::signing_key::{self, SigningKeyRow},
};

/// How long it may take until a process notices that another one has rotated the keys.
const REFRESH: TimeDelta = TimeDelta::seconds(60);
/// How much longer than necessary a retired key stays published.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// The media type of access tokens (RFC 9068 section 2.1), which no other token of this
/// installation has.
const TYPE: &str = "at+jwt";
/// The client that people sign in with; there are no others yet.
pub const FIRST_PARTY: &str = "atelier";
/// The ASN.1 that precedes the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The claims of an access token: the user, the session and the expiry. Permissions are not among
/// them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience: the API of this installation.
    pub aud: String,
    /// The client that it was issued to (RFC 9068 section 2.2).
    pub client_id: String,
    /// The user.
    pub sub: Id<User>,
    /// The session.
    pub sid: Id<Session>,
    /// The time of issue, in seconds since 1970.
    pub iat: i64,
    /// The time of expiry, in seconds since 1970.
    pub exp: i64,
}

/// The keys as they were last read.
struct Ring {
    read_at: DateTime<Utc>,
    active: Option<(String, EncodingKey)>,
    verifying: HashMap<String, DecodingKey>,
    jwks: Value,
}

/// The signing keys.
pub struct KeyRing {
    seal: XChaCha20Poly1305,
    issuer: String,
    token_lifetime: TimeDelta,
    key_lifetime: TimeDelta,
    ring: RwLock<Option<Arc<Ring>>>,
}

impl KeyRing {
    /// Creates a key ring that reads its keys when they are first needed.
    pub fn new(config: &AccountsConfig) -> Self {
        Self {
            seal: XChaCha20Poly1305::new(&config.key.into()),
            issuer: config.issuer.clone(),
            token_lifetime: config.access_lifetime,
            key_lifetime: config.key_lifetime,
            ring: RwLock::new(None),
        }
    }

    /// Returns an access token issued at `issued_at`, and when it expires. The same arguments give
    /// the same token, as long as the same key signs.
    ///
    /// # Errors
    /// If the keys cannot be read.
    pub async fn sign(
        &self,
        deps: &Deps,
        user: Id<User>,
        session: Id<Session>,
        issued_at: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), Error> {
        let ring = self.ring(deps).await?;
        let (kid, key) = ring
            .active
            .as_ref()
            .ok_or_else(|| Error::internal("there is no signing key"))?;
        let expires_at = issued_at + self.token_lifetime;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            client_id: FIRST_PARTY.to_owned(),
            sub: user,
            sid: session,
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        Ok((jsonwebtoken::encode(&header, &claims, key)?, expires_at))
    }

    /// Verifies an access token of this installation and returns its claims.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is not one, `TOKEN_EXPIRED` if it has expired.
    pub async fn verify(&self, deps: &Deps, token: &str) -> Result<Claims, Error> {
        let refused = |cause| Error::caused(ErrorCode::Unauthenticated, cause);
        let header = jsonwebtoken::decode_header(token).map_err(refused)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
            return Err(Error::new(ErrorCode::Unauthenticated));
        }
        let kid = header.kid.ok_or(Error::new(ErrorCode::Unauthenticated))?;
        let mut ring = self.ring(deps).await?;
        if !ring.verifying.contains_key(&kid) {
            ring = self.reread(deps, &ring).await?;
        }
        let key = ring
            .verifying
            .get(&kid)
            .ok_or(Error::new(ErrorCode::Unauthenticated))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.issuer]);
        // The expiry is checked below, by the injected clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(refused)?
            .claims;
        if claims.client_id != FIRST_PARTY {
            return Err(Error::new(ErrorCode::Unauthenticated));
        }
        if claims.exp <= deps.clock.now().timestamp() {
            return Err(Error::new(ErrorCode::TokenExpired));
        }
        Ok(claims)
    }

    /// Returns the public keys as a JWK Set.
    ///
    /// # Errors
    /// If the keys cannot be read.
    pub async fn jwks(&self, deps: &Deps) -> Result<Value, Error> {
        Ok(self.ring(deps).await?.jwks.clone())
    }

    /// Replaces the active key if it was created before `made_before`; returns whether it did.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn rotate(&self, deps: &Deps, made_before: DateTime<Utc>) -> Result<bool, Error> {
        let now = deps.clock.now();
        let key = self.make_key(deps)?;
        let rotated = deps
            .transaction::<_, Error, _>(async |tx| {
                if !signing_key::retire(tx, made_before, now).await? {
                    return Ok(false);
                }
                signing_key::insert_active(tx, &key).await
            })
            .await?;
        let before = self.forgotten_before(now);
        deps.statement(async |tx| signing_key::delete_retired(tx, before).await)
            .await?;
        if rotated {
            *self.ring.write().await = None;
        }
        Ok(rotated)
    }

    /// Replaces the active key if it has reached the end of its lifetime; returns whether it did.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn rotate_if_due(&self, deps: &Deps) -> Result<bool, Error> {
        self.rotate(deps, deps.clock.now() - self.key_lifetime)
            .await
    }

    /// Returns the time such that all tokens of keys that were retired before it have expired.
    fn forgotten_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.token_lifetime - MARGIN
    }

    async fn ring(&self, deps: &Deps) -> Result<Arc<Ring>, Error> {
        let fresh = |ring: &Arc<Ring>| deps.clock.now() - ring.read_at < REFRESH;
        if let Some(ring) = self.ring.read().await.as_ref().filter(|ring| fresh(ring)) {
            return Ok(Arc::clone(ring));
        }
        let known = self.ring.read().await.clone();
        self.reread_unless(deps, |ring| {
            fresh(ring) && known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, ring))
        })
        .await
    }

    /// Reads the keys again, unless another caller has done so since `known` was read.
    async fn reread(&self, deps: &Deps, known: &Arc<Ring>) -> Result<Arc<Ring>, Error> {
        self.reread_unless(deps, |ring| !Arc::ptr_eq(known, ring))
            .await
    }

    async fn reread_unless(
        &self,
        deps: &Deps,
        enough: impl Fn(&Arc<Ring>) -> bool,
    ) -> Result<Arc<Ring>, Error> {
        // An asynchronous lock, held while one caller reads for all.
        let mut slot = self.ring.write().await;
        if let Some(ring) = slot.as_ref().filter(|ring| enough(ring)) {
            return Ok(Arc::clone(ring));
        }
        let ring = Arc::new(self.read(deps).await?);
        *slot = Some(Arc::clone(&ring));
        Ok(ring)
    }

    async fn read(&self, deps: &Deps) -> Result<Ring, Error> {
        let now = deps.clock.now();
        let before = self.forgotten_before(now);
        let mut rows = signing_key::usable(&mut *deps.read().await?, before).await?;
        if rows.iter().all(|row| row.retired_at.is_some()) {
            // This is the first start; of several processes, one succeeds.
            let key = self.make_key(deps)?;
            rows = deps
                .transaction::<_, Error, _>(async |tx| {
                    signing_key::insert_active(tx, &key).await?;
                    signing_key::usable(tx, before).await
                })
                .await?;
        }
        let mut ring = Ring {
            read_at: now,
            active: None,
            verifying: HashMap::new(),
            jwks: Value::Null,
        };
        let mut published = Vec::new();
        for row in rows {
            if row.retired_at.is_none() {
                ring.active = Some((row.kid.clone(), self.open(&row)?));
            }
            let x = URL_SAFE_NO_PAD.encode(&row.public_key);
            published.push(json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": row.kid, "x": x }));
            ring.verifying
                .insert(row.kid, DecodingKey::from_ed_components(&x)?);
        }
        ring.jwks = json!({ "keys": published });
        Ok(ring)
    }

    fn make_key(&self, deps: &Deps) -> Result<SigningKeyRow, Error> {
        let mut pkcs8 = PKCS8.to_vec();
        pkcs8.extend_from_slice(&deps.random_bytes::<32>());
        let kid = URL_SAFE_NO_PAD.encode(deps.random_bytes::<12>());
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ed_der(&pkcs8), Algorithm::EdDSA)?;
        let AlgorithmParameters::OctetKeyPair(public) = jwk.algorithm else {
            return Err(Error::internal(
                "an Ed25519 key gave another kind of public key",
            ));
        };
        let nonce = deps.random_bytes::<24>();
        let sealed = self
            .seal
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &pkcs8,
                    aad: kid.as_bytes(),
                },
            )
            .map_err(|_| Error::internal("the signing key cannot be sealed"))?;
        Ok(SigningKeyRow {
            public_key: URL_SAFE_NO_PAD.decode(&public.x)?,
            sealed_private_key: [nonce.as_slice(), &sealed].concat(),
            kid,
            created_at: deps.clock.now(),
            retired_at: None,
        })
    }

    fn open(&self, row: &SigningKeyRow) -> Result<EncodingKey, Error> {
        let wrong = || {
            Error::internal(
                "a signing key cannot be opened: was the installation's secret changed?",
            )
        };
        let (nonce, sealed) = row
            .sealed_private_key
            .split_first_chunk::<24>()
            .ok_or_else(wrong)?;
        let pkcs8 = self
            .seal
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: sealed,
                    aad: row.kid.as_bytes(),
                },
            )
            .map_err(|_| wrong())?;
        Ok(EncodingKey::from_ed_der(&pkcs8))
    }
}
