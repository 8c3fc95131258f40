//! The credentials that sockets and subscriptions are open with, by user: who is told when something
//! about them changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use atelier_kit::id::{Id, User};
use atelier_router::Changes;
use tokio::sync::watch;

use super::{CredentialKey, Resolved};

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Followed(Arc<Mutex<HashMap<Id<User>, Credentials>>>);

type Credentials = HashMap<CredentialKey, Open>;

struct Open {
    /// What is known of it.
    resolved: Arc<Resolved>,
    changes: watch::Sender<u64>,
}

impl Open {
    fn tell(&self) {
        self.changes.send_modify(|number| *number += 1);
    }
}

impl Followed {
    fn lock(&self) -> MutexGuard<'_, HashMap<Id<User>, Credentials>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of changes from now on.
    pub(super) fn follow(&self, key: CredentialKey, resolved: &Arc<Resolved>) -> Changes {
        let mut users = self.lock();
        let open = users
            .entry(resolved.user_id)
            .or_default()
            .entry(key)
            .or_insert_with(|| Open {
                resolved: Arc::clone(resolved),
                changes: watch::Sender::new(0),
            });
        open.changes.subscribe()
    }

    /// Something about this user has changed.
    pub(super) fn user_changed(&self, user: Id<User>) {
        if let Some(credentials) = self.lock().get(&user) {
            credentials.values().for_each(Open::tell);
        }
    }

    /// Everything that is open, without what was closed meanwhile.
    pub(super) fn open(&self) -> Vec<(CredentialKey, Arc<Resolved>)> {
        let mut users = self.lock();
        users.retain(|_, credentials| {
            credentials.retain(|_, open| open.changes.receiver_count() > 0);
            !credentials.is_empty()
        });
        users
            .values()
            .flatten()
            .map(|(key, open)| (*key, Arc::clone(&open.resolved)))
            .collect()
    }

    /// Tells of a change if `now` is something else than what was known.
    pub(super) fn compare(
        &self,
        key: CredentialKey,
        known: &Arc<Resolved>,
        now: Option<Resolved>,
    ) -> bool {
        if now.as_ref().is_some_and(|now| now.same_rights(known)) {
            return false;
        }
        let mut users = self.lock();
        let credentials = users.get_mut(&known.user_id);
        if let Some(open) = credentials.and_then(|credentials| credentials.get_mut(&key)) {
            if let Some(now) = now {
                open.resolved = Arc::new(now);
            }
            open.tell();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atelier_kit::clock::{SystemClock, SystemRandom};

    fn resolved(user: Id<User>, scopes: &[&str]) -> Resolved {
        Resolved {
            user_id: user,
            session_id: None,
            access_token_id: None,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: None,
        }
    }

    fn changed(changes: &mut Changes) -> bool {
        let changed = changes.has_changed().unwrap();
        changes.mark_unchanged();
        changed
    }

    #[test]
    fn changes_reach_those_whom_they_concern() {
        let followed = Followed::default();
        let [ada, bo] = [(); 2].map(|()| Id::generate(&SystemClock, &SystemRandom));
        let known = [ada, bo].map(|user| Arc::new(resolved(user, &["a"])));
        let mut adas = followed.follow([1; 32], &known[0]);
        let mut bos = followed.follow([2; 32], &known[1]);
        followed.user_changed(ada);
        assert!(changed(&mut adas) && !changed(&mut bos));
        assert!(!followed.compare([2; 32], &known[1], Some(resolved(bo, &["a"]))));
        assert!(!changed(&mut bos));
        assert!(followed.compare([2; 32], &known[1], Some(resolved(bo, &[]))));
        assert!(changed(&mut bos) && !changed(&mut adas));
        assert!(followed.compare([2; 32], &known[1], None));
        assert!(changed(&mut bos));
    }

    #[test]
    fn what_was_closed_is_forgotten() {
        let followed = Followed::default();
        let ada = Id::generate(&SystemClock, &SystemRandom);
        let known = Arc::new(resolved(ada, &[]));
        let one = followed.follow([1; 32], &known);
        let other = followed.follow([1; 32], &known);
        drop(one);
        assert_eq!(followed.open().len(), 1);
        drop(other);
        assert!(followed.open().is_empty());
        assert!(followed.lock().is_empty());
    }
}
