//! Accounts, as far as this domain knows it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use atelier_contracts::accounts::ReservationState;
use atelier_kit::{
    actor::Actor,
    clock::{Clock, SystemClock},
    error::{Error, ErrorCode},
    peers::Peers,
};
use serde_json::{Value, json};

/// A ledger of reservations.
#[derive(Default)]
pub struct Accounts {
    ledger: std::sync::Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    reservations: BTreeMap<String, (i64, ReservationState)>,
    limit: Option<i64>,
    down: bool,
}

impl Accounts {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// No more than this many bytes are given.
    pub fn limit(&self, bytes: i64) {
        self.ledger().limit = Some(bytes);
    }

    /// Answers no calls, or does again.
    pub fn set_down(&self, down: bool) {
        self.ledger().down = down;
    }

    /// How an upload's reservation stands; `None` if there is none.
    pub fn state_of(&self, upload: &str) -> Option<ReservationState> {
        self.ledger()
            .reservations
            .get(upload)
            .map(|(_, state)| *state)
    }

    /// How many bytes are reserved or used.
    pub fn taken(&self) -> i64 {
        self.ledger().taken()
    }
}

impl Ledger {
    fn taken(&self) -> i64 {
        self.reservations
            .values()
            .filter(|(_, state)| *state != ReservationState::Released)
            .map(|(bytes, _)| bytes)
            .sum()
    }

    fn reservation(&self, key: &Value) -> Value {
        let (_, state) = self.reservations[key.as_str().unwrap()];
        json!({ "key": key, "state": state, "expiresAt": SystemClock.now() })
    }

    fn answer(&mut self, field: &str, input: &Value) -> Option<&'static str> {
        let key = input["key"].as_str().unwrap().to_owned();
        match (field, self.reservations.get_mut(&key)) {
            ("quotaReserve", Some(_)) => None,
            ("quotaReserve", None) => {
                assert_eq!(input["meter"], "STORAGE_BYTES");
                assert!(input["userId"].as_str().unwrap().starts_with("usr_"));
                let bytes = input["amount"].as_i64().unwrap();
                if self.limit.is_some_and(|limit| self.taken() + bytes > limit) {
                    return Some("QUOTA_EXCEEDED");
                }
                self.reservations
                    .insert(key, (bytes, ReservationState::Reserved));
                None
            }
            (_, None) => Some("NOT_FOUND"),
            ("quotaCommit", Some((_, ReservationState::Released))) => Some("RESERVATION_CLOSED"),
            ("quotaCommit", Some((_, state))) => {
                *state = ReservationState::Committed;
                None
            }
            ("quotaRelease", Some((_, state))) => {
                *state = ReservationState::Released;
                None
            }
            (other, _) => panic!("accounts has no {other}"),
        }
    }
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
        assert_eq!((domain, actor), ("accounts", Actor::service("media")));
        let mut ledger = self.ledger();
        if ledger.down {
            return Err(Error::new(ErrorCode::Unavailable));
        }
        let field = ["quotaReserve", "quotaCommit", "quotaRelease"]
            .into_iter()
            .find(|field| operation.contains(&format!("{field}(")))
            .unwrap();
        let input = &variables["input"];
        let payload = match ledger.answer(field, input) {
            Some(code) => json!({ "reservation": null, "userErrors": [{ "code": code }] }),
            None => json!({ "reservation": ledger.reservation(&input["key"]), "userErrors": [] }),
        };
        Ok(json!({ field: payload }))
    }
}
