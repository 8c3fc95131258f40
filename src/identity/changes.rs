//! Noticing what becomes of credentials: told by accounts, and looked up in batches in case it was not.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use atelier_kit::{
    actor::Actor,
    id::{Id, User},
    redis::{Redis, Signal},
    supervise::Supervisor,
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{CredentialKey, Resolved, Verifier};

/// Credentials that are open are looked at again this often, in case a change was never told.
const SWEEP: Duration = Duration::from_secs(30);
/// The same while nothing is told because Redis is away.
const SWEEP_ALONE: Duration = Duration::from_secs(2);
/// Credentials asked about at a time.
const BATCH: usize = 500;

pub(super) const CURRENT: &str = "query IdentitiesCurrent($sessions: [ID!]!, $tokens: [String!]!) { \
    identitiesCurrent(sessions: $sessions, tokens: $tokens) { \
        sessions { userId sessionId accessTokenId scopes expiresAt } tokens { userId sessionId accessTokenId scopes expiresAt } } }";

type Open = (CredentialKey, Arc<Resolved>);

#[derive(Deserialize)]
struct Current {
    sessions: Vec<Option<Resolved>>,
    tokens: Vec<Option<Resolved>>,
}

impl Verifier {
    /// Keeps [`Verifier::follow_changes`] going for as long as the process runs.
    pub fn follow_changes_in(self: Arc<Self>, supervisor: &Supervisor, redis: Redis) {
        supervisor.keep("identity.changes".to_owned(), move |stop| {
            Arc::clone(&self).follow_changes(redis.clone(), stop)
        });
    }

    /// Forgets what is known of users as accounts tells of changes, and tells what they have open,
    /// until `stop`. What was never told is noticed within half a minute, within seconds while
    /// Redis is away.
    pub async fn follow_changes(self: Arc<Self>, redis: Redis, stop: CancellationToken) {
        let mut changes = redis.subscribe("identity:changed");
        let mut alone = true;
        loop {
            let pause = tokio::time::sleep(if alone { SWEEP_ALONE } else { SWEEP });
            let signal = tokio::select! {
                () = stop.cancelled() => return,
                signal = changes.recv() => signal,
                () = pause => Some(Signal::Missed),
            };
            match signal {
                None => return,
                Some(Signal::Message(message)) => self.user_changed(&message),
                Some(Signal::Lost) => alone = true,
                Some(signal @ (Signal::Subscribed | Signal::Missed)) => {
                    alone &= signal != Signal::Subscribed;
                    let _ = stop.run_until_cancelled(self.sweep()).await;
                }
            }
        }
    }

    pub(super) fn user_changed(&self, message: &[u8]) {
        let text = std::str::from_utf8(message).ok();
        let Some(user) = text.and_then(|text| text.parse::<Id<User>>().ok()) else {
            return;
        };
        self.told.fetch_add(1, Ordering::AcqRel);
        let _ = self
            .known
            .invalidate_entries_if(move |_, known| known.user_id == user);
        self.followed.user_changed(user);
    }

    /// Looks at everything that is open, in case a change was not told.
    pub(super) async fn sweep(&self) {
        self.told.fetch_add(1, Ordering::AcqRel);
        self.known.invalidate_all();
        let open = self.followed.open();
        let (sessions, tokens): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|(_, known)| known.session_id.is_some());
        for batch in sessions.chunks(BATCH) {
            self.compare(batch, &[]).await;
        }
        for batch in tokens.chunks(BATCH) {
            self.compare(&[], batch).await;
        }
    }

    async fn compare(&self, sessions: &[Open], tokens: &[Open]) {
        let ids: Vec<_> = sessions.iter().map(|(_, known)| known.session_id).collect();
        let hashes: Vec<_> = tokens.iter().map(|(key, _)| hex::encode(key)).collect();
        let variables = serde_json::json!({ "sessions": ids, "tokens": hashes });
        let router = Actor::service("router");
        let answer = self.peers.call("accounts", router, CURRENT, variables);
        let current = answer.await.and_then(|mut answer| {
            Ok(serde_json::from_value::<Current>(
                answer["identitiesCurrent"].take(),
            )?)
        });
        // Accounts being away says nothing about anybody.
        let Ok(current) = current else { return };
        let asked = sessions.iter().chain(tokens);
        let now = current.sessions.into_iter().chain(current.tokens);
        for ((key, known), now) in asked.zip(now) {
            self.followed.compare(*key, known, now);
        }
    }
}
