//! What a caller's session is worth, at first and later.

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use atelier_kit::{
    actor::{ACTOR_HEADER, Actor, ActorSigner, Identity},
    clock::{Clock, SystemClock, SystemRandom},
    error::{Error, ErrorCode},
    id::{Id, User},
    peers::Peers,
};
use atelier_router::{Caller, Credentials, Identify};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Verifier;

static USER: LazyLock<Id<User>> = LazyLock::new(|| Id::generate(&SystemClock, &SystemRandom));

/// Accounts, which knows one session until it does not.
struct Accounts(Mutex<Option<ErrorCode>>);

#[async_trait]
impl Peers for Accounts {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        _: &'static str,
        _: Value,
    ) -> Result<Value, Error> {
        let router = Actor::service("router");
        assert_eq!((domain, actor.identity), ("accounts", router.identity));
        match *self.0.lock().unwrap() {
            Some(code) => Err(Error::new(code)),
            None => Ok(json!({ "identityResolve": {
                "userId": *USER, "sessionId": null, "scopes": ["a"], "expiresAt": null,
            }})),
        }
    }
}

struct World {
    accounts: Arc<Accounts>,
    signer: ActorSigner,
    verifier: Verifier,
}

fn world(sign: bool) -> World {
    let accounts = Arc::new(Accounts(Mutex::default()));
    let signer = ActorSigner::new(&[7; 32]);
    let verifier = Verifier::new(Arc::clone(&accounts) as _, signer.clone(), sign);
    World {
        accounts,
        signer,
        verifier,
    }
}

impl World {
    async fn caller(&self, token: Option<&str>) -> Caller {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            headers.insert("authorization", value);
        }
        let credentials = Credentials {
            headers: &headers,
            connection_init: None,
        };
        self.verifier.identify(&credentials).await.unwrap()
    }

    fn actor(&self, headers: &HeaderMap) -> Actor {
        let signed = headers[ACTOR_HEADER].to_str().unwrap();
        self.signer.verify(signed, SystemClock.now()).unwrap()
    }

    /// From now on accounts answers so, and what it said before is forgotten.
    fn refuses(&self, code: ErrorCode) {
        *self.accounts.0.lock().unwrap() = Some(code);
        self.verifier.known.invalidate_all();
    }
}

#[tokio::test]
async fn a_session_is_signed_anew_until_it_is_revoked() {
    let world = world(true);
    let caller = world.caller(Some("secret")).await;
    let first = world.actor(&caller.forward);
    assert_eq!(first.user_id(), Some(*USER));
    let renew = caller.renew.unwrap();
    let again = renew.headers().await.unwrap();
    assert_eq!(world.actor(&again), first);
    world.refuses(ErrorCode::Unauthenticated);
    let refused = renew.headers().await.unwrap_err();
    assert_eq!(refused.code, "UNAUTHENTICATED");
    assert_eq!(refused.http_status, StatusCode::UNAUTHORIZED);
    assert!(refused.extensions["numericCode"].is_number());
}

#[tokio::test]
async fn accounts_being_away_is_told_from_a_revoked_session() {
    let world = world(true);
    let renew = world.caller(Some("secret")).await.renew.unwrap();
    for code in [
        ErrorCode::Unavailable,
        ErrorCode::Timeout,
        ErrorCode::Internal,
    ] {
        world.refuses(code);
        let refused = renew.headers().await.unwrap_err();
        assert!(refused.http_status.is_server_error(), "{refused}");
    }
}

#[tokio::test]
async fn sessions_are_looked_at_again_in_one_process_too() {
    let world = world(false);
    assert!(world.caller(None).await.renew.is_none());
    let caller = world.caller(Some("secret")).await;
    let renew = caller.renew.unwrap();
    assert!(renew.headers().await.unwrap().is_empty());
    world.refuses(ErrorCode::Unauthenticated);
    assert_eq!(renew.headers().await.unwrap_err().code, "UNAUTHENTICATED");
}

#[tokio::test]
async fn nobody_is_signed_anew_without_asking_accounts() {
    let world = world(true);
    world.refuses(ErrorCode::Internal);
    let caller = world.caller(None).await;
    let again = caller.renew.unwrap().headers().await.unwrap();
    assert_eq!(world.actor(&again).identity, Identity::Anonymous);
}

#[test]
fn the_router_proves_itself_as_a_service() {
    let world = world(true);
    let own = world.verifier.own().unwrap();
    assert_eq!(world.actor(&own.forward), Actor::service("router"));
}
