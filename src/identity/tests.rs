//! What a caller's session is worth, at first and later.

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use atelier_kit::{
    actor::{ACTOR_HEADER, Actor, ActorSigner, ActorVerifier, Identity, KeyFolder},
    clock::{Clock, SystemClock, SystemRandom},
    error::{Error, ErrorCode},
    id::{Id, User},
    peers::Peers,
};
use atelier_router::{Caller, Credentials, Identify, IdentifyError, Renew};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{CURRENT, Verifier};

static USER: LazyLock<Id<User>> = LazyLock::new(|| Id::generate(&SystemClock, &SystemRandom));

/// Accounts, which knows one token until it does not.
struct Accounts(Mutex<State>);

#[derive(Clone)]
struct State {
    refusal: Option<ErrorCode>,
    scopes: Vec<&'static str>,
}

#[async_trait]
impl Peers for Accounts {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error> {
        let router = Actor::service("router");
        assert_eq!((domain, actor.identity), ("accounts", router.identity));
        let state = self.0.lock().unwrap().clone();
        let identity = json!({
            "userId": *USER, "sessionId": null, "accessTokenId": null, "scopes": state.scopes, "expiresAt": null,
        });
        if operation == CURRENT {
            let known = |_: &Value| match state.refusal {
                Some(_) => Value::Null,
                None => identity.clone(),
            };
            let tokens: Vec<_> = variables["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .map(known)
                .collect();
            return Ok(json!({ "identitiesCurrent": { "sessions": [], "tokens": tokens } }));
        }
        match state.refusal {
            Some(code) => Err(Error::new(code)),
            None => Ok(json!({ "identityResolve": identity })),
        }
    }
}

struct World {
    accounts: Arc<Accounts>,
    actors: ActorVerifier,
    verifier: Verifier,
    _keys: tempfile::TempDir,
}

fn world(sign: bool) -> World {
    let accounts = Arc::new(Accounts(Mutex::new(State {
        refusal: None,
        scopes: vec!["a"],
    })));
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(dir.path());
    keys.make(&["router"], || [7; 32]).unwrap();
    let signer = sign.then(|| ActorSigner::new(keys.clone()));
    World {
        verifier: Verifier::new(Arc::clone(&accounts) as _, signer),
        accounts,
        actors: ActorVerifier::new("media", keys),
        _keys: dir,
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
            request_id: "one",
        };
        self.verifier.identify(&credentials).await.unwrap()
    }

    /// Whom a subgraph takes the caller for.
    fn actor(&self, caller: &Caller) -> Actor {
        let headers = caller.proof.as_ref().unwrap().headers("media").unwrap();
        let signed = headers[ACTOR_HEADER].to_str().unwrap();
        let actor = self.actors.verify(signed, SystemClock.now()).unwrap();
        (*actor).clone()
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.accounts.0.lock().unwrap());
    }

    /// From now on accounts answers so, and says so.
    fn refuses(&self, code: ErrorCode) {
        self.change(|state| state.refusal = Some(code));
        self.verifier.user_changed(USER.to_string().as_bytes());
    }
}

async fn again(renew: &Renew) -> Result<Caller, IdentifyError> {
    renew.caller("two".into()).await
}

#[tokio::test]
async fn a_session_is_verified_anew_until_it_is_revoked() {
    let world = world(true);
    let caller = world.caller(Some("secret")).await;
    let first = world.actor(&caller);
    assert_eq!(first.user_id(), Some(*USER));
    let renew = caller.renew.unwrap();
    assert_eq!(world.actor(&again(&renew).await.unwrap()), first);
    world.refuses(ErrorCode::Unauthenticated);
    let refused = again(&renew).await.unwrap_err();
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
        let refused = again(&renew).await.unwrap_err();
        assert!(refused.http_status.is_server_error(), "{refused}");
    }
}

#[tokio::test]
async fn sessions_are_looked_at_again_in_one_process_too() {
    let world = world(false);
    assert!(world.caller(None).await.renew.is_none());
    let caller = world.caller(Some("secret")).await;
    assert!(caller.proof.is_none());
    let renew = caller.renew.unwrap();
    again(&renew).await.unwrap();
    world.refuses(ErrorCode::Unauthenticated);
    assert_eq!(again(&renew).await.unwrap_err().code, "UNAUTHENTICATED");
}

#[tokio::test]
async fn nobody_is_proved_without_asking_accounts() {
    let world = world(true);
    world.refuses(ErrorCode::Internal);
    let caller = world.caller(None).await;
    assert_eq!(world.actor(&caller).identity, Identity::Anonymous);
    assert!(!caller.authenticated);
}

#[tokio::test]
async fn rights_that_changed_are_those_of_the_next_operation() {
    let world = world(false);
    let caller = world.caller(Some("secret")).await;
    assert_eq!(*caller.scopes, ["a"]);
    let renew = caller.renew.unwrap();
    world.change(|state| state.scopes = vec!["b"]);
    world.verifier.user_changed(USER.to_string().as_bytes());
    let now = again(&renew).await.unwrap();
    assert_eq!(*now.scopes, ["b"]);
    assert_ne!(now.identity, caller.identity);
}

#[tokio::test]
async fn a_change_that_was_never_told_is_found_by_looking() {
    let world = world(false);
    let caller = world.caller(Some("secret")).await;
    let mut changes = caller.renew.unwrap().follow().unwrap();
    changes.mark_unchanged();
    world.verifier.sweep().await;
    assert!(!changes.has_changed().unwrap());
    world.change(|state| state.scopes = vec![]);
    world.verifier.sweep().await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    world.change(|state| state.refusal = Some(ErrorCode::Unauthenticated));
    world.verifier.sweep().await;
    assert!(changes.has_changed().unwrap());
}

#[tokio::test]
async fn what_changed_before_somebody_listened_is_told_at_once() {
    let world = world(false);
    let renew = world.caller(Some("secret")).await.renew.unwrap();
    assert!(!renew.follow().unwrap().has_changed().unwrap());
    world.refuses(ErrorCode::Unauthenticated);
    let mut changes = renew.follow().unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(60), changes.changed())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn different_tokens_of_one_user_are_different_callers() {
    let world = world(false);
    let [one, other] = [
        world.caller(Some("one")).await,
        world.caller(Some("other")).await,
    ];
    assert_ne!(one.identity, other.identity);
}

#[test]
fn the_router_proves_itself_as_a_service() {
    let world = world(true);
    let own = world.verifier.own().unwrap();
    assert_eq!(world.actor(&own), Actor::service("router"));
}
