//! Verifying actors that other processes have signed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;

use super::{
    Actor, Identity, KeyFolder, ROUTER,
    sign::{Claims, LIFETIME, TYPE},
};
use crate::error::{Error, ErrorCode};

/// How far apart the clocks of two machines may be.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// The most verified signatures that are cached; routers reuse theirs for a few seconds.
const KEPT: u64 = 10_000;
/// The longest signed actor.
const LONGEST: usize = 16 * 1024;

/// Verifies actors that are signed for one subgraph; cheap to clone.
#[derive(Clone)]
pub struct ActorVerifier {
    audience: &'static str,
    keys: KeyFolder,
    known: Cache<Box<str>, Known>,
}

/// A verified signature and its expiry.
#[derive(Clone)]
struct Known {
    actor: Arc<Actor>,
    kid: Arc<str>,
    exp: i64,
}

impl ActorVerifier {
    /// Creates a verifier for the subgraph `audience`, with the public keys in `keys`.
    pub fn new(audience: &'static str, keys: KeyFolder) -> Self {
        let kept = (LIFETIME + SKEW).to_std().unwrap_or_default();
        let known = Cache::builder()
            .max_capacity(KEPT)
            .time_to_live(kept)
            .build();
        Self {
            audience,
            keys,
            known,
        }
    }

    /// Verifies a header value and returns its actor.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is forged, damaged, too old, meant for another subgraph, or claims
    /// more than its issuer may claim.
    pub fn verify(&self, header: &str, now: DateTime<Utc>) -> Result<Arc<Actor>, Error> {
        let refused = || Error::new(ErrorCode::Unauthenticated);
        let keys = self.keys.public();
        let keys = keys.map_err(|cause| Error::caused(ErrorCode::Internal, cause))?;
        if let Some(known) = self.known.get(header) {
            // Once a key is no longer trusted, neither are the signatures that it made before.
            let holds = now.timestamp() <= known.exp && keys.contains_key(&*known.kid);
            return holds.then_some(known.actor).ok_or_else(refused);
        }
        if header.len() > LONGEST {
            return Err(refused());
        }
        let damaged = |cause| Error::caused(ErrorCode::Unauthenticated, cause);
        let head = jsonwebtoken::decode_header(header).map_err(damaged)?;
        let kid: Arc<str> = head.kid.ok_or_else(refused)?.into();
        let unknown = || Error::caused(ErrorCode::Unauthenticated, "the key is not trusted here");
        let key = keys.get(&*kid).ok_or_else(unknown)?;
        if head.typ.as_deref() != Some(TYPE) {
            return Err(refused());
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[self.audience]);
        validation.set_issuer(&[&key.issuer]);
        // The times are checked below, against the given one.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(header, &key.key, &validation);
        let claims = claims.map_err(damaged)?.claims;
        let exp = claims.exp + SKEW.num_seconds();
        if exp < now.timestamp()
            || claims.exp - claims.iat > LIFETIME.num_seconds()
            || claims.iat > (now + SKEW).timestamp()
            || !may_say(&key.issuer, &claims.actor)
        {
            return Err(refused());
        }
        let known = Known {
            actor: Arc::new(claims.actor),
            kid,
            exp,
        };
        self.known.insert(header.into(), known.clone());
        Ok(known.actor)
    }
}

/// The router speaks for the callers that it has verified; every other issuer speaks only for
/// itself, as a service without scopes, token and client.
fn may_say(issuer: &str, actor: &Actor) -> bool {
    match &actor.identity {
        Identity::Service { name } => {
            let plain = actor.scopes.is_empty() && actor.access_token.is_none();
            let nobodys = actor.ip.is_none() && actor.user_agent.is_none();
            name == issuer && plain && (nobodys || issuer == ROUTER)
        }
        Identity::Anonymous | Identity::User { .. } => issuer == ROUTER,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::{
        actor::ActorSigner,
        clock::{Clock, SystemClock},
        id::Id,
    };

    struct World {
        _dir: tempfile::TempDir,
        keys: KeyFolder,
    }

    fn world() -> World {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(dir.path());
        keys.make(&["router", "media"], random()).unwrap();
        World { _dir: dir, keys }
    }

    fn random() -> impl Fn() -> [u8; 32] {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        || [NEXT.fetch_add(1, Ordering::Relaxed); 32]
    }

    fn user() -> Actor {
        Actor::user(Id::from_uuid(uuid::Uuid::nil()), &["worker"])
    }

    fn code(result: Result<Arc<Actor>, Error>) -> ErrorCode {
        result.unwrap_err().code()
    }

    #[test]
    fn a_signed_actor_comes_back_as_it_was() {
        let (world, now) = (world(), SystemClock.now());
        let header = ActorSigner::new(world.keys.clone())
            .sign(&user(), "accounts", now)
            .unwrap();
        let verifier = ActorVerifier::new("accounts", world.keys.clone());
        for _ in 0..2 {
            assert_eq!(*verifier.verify(&header, now).unwrap(), user());
        }
    }

    #[test]
    fn an_actor_is_believed_only_where_it_was_meant_to_go() {
        let (world, now) = (world(), SystemClock.now());
        let header = ActorSigner::new(world.keys.clone())
            .sign(&user(), "accounts", now)
            .unwrap();
        let media = ActorVerifier::new("media", world.keys.clone());
        assert_eq!(code(media.verify(&header, now)), ErrorCode::Unauthenticated);
    }

    #[test]
    fn old_damaged_and_foreign_signatures_are_refused() {
        let (world, other, now) = (world(), self::world(), SystemClock.now());
        let verifier = ActorVerifier::new("accounts", world.keys.clone());
        let header = ActorSigner::new(world.keys.clone())
            .sign(&user(), "accounts", now)
            .unwrap();
        assert!(verifier.verify(&header, now).is_ok());
        let foreign = ActorSigner::new(other.keys.clone())
            .sign(&user(), "accounts", now)
            .unwrap();
        let late = now + LIFETIME + SKEW + TimeDelta::seconds(1);
        for (header, at) in [
            (&*header, late),
            (&*header, now - SKEW - LIFETIME * 10),
            (&*foreign, now),
            (&header[1..], now),
            (&header[..header.len() - 4], now),
            ("", now),
        ] {
            // Whether it was verified before or not.
            for verifier in [
                &verifier,
                &ActorVerifier::new("accounts", world.keys.clone()),
            ] {
                if at < now && verifier.known.get(header).is_some() {
                    continue;
                }
                assert_eq!(
                    code(verifier.verify(header, at)),
                    ErrorCode::Unauthenticated
                );
            }
        }
    }

    #[test]
    fn a_subgraph_speaks_for_itself_alone() {
        let (world, now) = (world(), SystemClock.now());
        let verifier = ActorVerifier::new("accounts", world.keys.clone());
        let signer = ActorSigner::new(world.keys.clone());
        let header = signer
            .sign(&Actor::service("media"), "accounts", now)
            .unwrap();
        assert!(verifier.verify(&header, now).is_ok());
        let private = world.keys.private("media").unwrap();
        let with_scopes = Actor {
            scopes: user().scopes,
            ..Actor::service("media")
        };
        let from_elsewhere = Actor {
            ip: Some("203.0.113.7".into()),
            ..Actor::service("media")
        };
        for actor in [
            user(),
            Actor::anonymous(),
            Actor::service("router"),
            with_scopes,
            from_elsewhere,
        ] {
            let claims = Claims {
                iss: "media".into(),
                aud: "accounts".into(),
                iat: now.timestamp(),
                exp: (now + LIFETIME).timestamp(),
                actor,
            };
            let header = jsonwebtoken::Header {
                typ: Some(TYPE.into()),
                kid: Some(private.kid.clone()),
                ..jsonwebtoken::Header::new(Algorithm::EdDSA)
            };
            let signed = jsonwebtoken::encode(&header, &claims, &private.key).unwrap();
            assert_eq!(
                code(verifier.verify(&signed, now)),
                ErrorCode::Unauthenticated
            );
        }
    }

    #[test]
    fn keys_are_rotated_without_a_gap_and_retired_ones_prove_nothing() {
        let (world, now) = (world(), SystemClock.now());
        let header = ActorSigner::new(world.keys.clone())
            .sign(&user(), "accounts", now)
            .unwrap();
        let verifier = || ActorVerifier::new("accounts", KeyFolder::new(world._dir.path()));
        world.keys.make(&["router"], random()).unwrap();
        let signer = ActorSigner::new(KeyFolder::new(world._dir.path()));
        let newer = signer.sign(&user(), "accounts", now).unwrap();
        assert!(verifier().verify(&header, now).is_ok());
        assert!(verifier().verify(&newer, now).is_ok());
        assert_eq!(world.keys.retire().unwrap(), 1);
        assert_eq!(
            code(verifier().verify(&header, now)),
            ErrorCode::Unauthenticated
        );
        assert!(verifier().verify(&newer, now).is_ok());
        let media = ActorSigner::new(world.keys.clone());
        let media = media.sign(&Actor::service("media"), "accounts", now);
        assert!(verifier().verify(&media.unwrap(), now).is_ok());
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let (world, now) = (world(), SystemClock.now());
        let signer = ActorSigner::new(world.keys.clone());
        let refused = signer.sign(&Actor::service("tasks"), "accounts", now);
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Internal);
        assert!(world.keys.require(&["tasks"]).is_err());
        assert!(world.keys.make(&["../tasks"], random()).is_err());
    }
}
