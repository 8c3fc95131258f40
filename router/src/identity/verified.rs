//! A caller whose identity is verified again from time to time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::time::Instant;

use super::{Caller, Changes, IdentifyError, same_caller};
use crate::error::code;

/// How long a caller stays trusted while the verifying service is unavailable.
const GRACE: Duration = Duration::from_secs(60);
/// How soon verification is retried while the service is unavailable.
const AGAIN: Duration = Duration::from_secs(5);
/// The shortest time between two verifications that no change or request calls for.
const LEAST: Duration = Duration::from_secs(10);

/// What verifying a caller again has shown.
pub(crate) enum Verdict {
    /// Same caller, same rights.
    Same,
    /// Another caller, or other rights.
    Different,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedCaller {
    caller: Arc<Caller>,
    changes: Option<Changes>,
    /// The last change that was handled.
    seen: u64,
    /// The time of the last verification.
    verified: Instant,
    /// The caller has to be verified before it is used after this time.
    due: Option<Instant>,
}

impl VerifiedCaller {
    /// A caller that was verified just now.
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        let changes = caller.renew.as_ref().and_then(|renew| renew.follow());
        let mut new = Self {
            due: None,
            verified: Instant::now(),
            seen: changes.as_ref().map_or(0, unseen),
            changes,
            caller,
        };
        new.due = new.next();
        new
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// True when the caller must be verified before anything is done for it.
    pub(crate) fn is_due(&self) -> bool {
        self.changed() || self.due.is_some_and(|due| due <= Instant::now()) || self.expired()
    }

    /// Waits until the caller must be verified, whether there is something to do or not.
    pub(crate) async fn due(&mut self) {
        let rest = self.verified + LEAST;
        let due = self.due.map(|due| due.max(rest));
        let expires = self.expires_in().map(|left| Instant::now() + left);
        let at = due.into_iter().chain(expires).min();
        tokio::select! {
            () = changed(&mut self.changes, self.seen) => {}
            () = until(at) => {}
        }
    }

    /// Verifies the caller again, for the request with this id.
    ///
    /// # Errors
    /// When it is no longer believed, with the reason.
    pub(crate) async fn verify(&mut self, request_id: Arc<str>) -> Result<Verdict, IdentifyError> {
        // What changes from now on is verified once more.
        let seen = self.changes.as_ref().map_or(0, latest);
        let Some(renew) = self.caller.renew.clone() else {
            return match self.expired() {
                true => Err(expired()),
                false => Ok(Verdict::Same),
            };
        };
        // Whoever gives up waiting here has seen nothing.
        let answer = renew.caller(request_id).await;
        self.seen = seen;
        match answer {
            Ok(caller) => {
                let verdict = self.take(Arc::new(caller));
                match self.expired() {
                    true => Err(expired()),
                    false => Ok(verdict),
                }
            }
            Err(error) if error.passes() && self.in_grace() => {
                self.due = Some(Instant::now() + AGAIN.min(renew.holds()));
                Ok(Verdict::Same)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the caller is no longer believed.
    pub(crate) async fn lost(&mut self) {
        loop {
            self.due().await;
            let none = Arc::<str>::default();
            if self.verify(none).await.is_err() {
                return;
            }
        }
    }

    /// The caller as it is now, for the request with this id; nobody is believed because
    /// whoever verifies is away.
    ///
    /// # Errors
    /// When the caller cannot be believed, with the reason.
    pub(crate) async fn verify_strictly(
        &mut self,
        request_id: Arc<str>,
    ) -> Result<Arc<Caller>, IdentifyError> {
        if let Some(renew) = self.caller.renew.clone() {
            let caller = renew.caller(request_id).await?;
            self.take(Arc::new(caller));
        }
        match self.expired() {
            true => Err(expired()),
            false => Ok(Arc::clone(&self.caller)),
        }
    }

    fn take(&mut self, caller: Arc<Caller>) -> Verdict {
        let verdict = match same_caller(&self.caller, &caller) {
            true => Verdict::Same,
            false => Verdict::Different,
        };
        self.caller = caller;
        self.verified = Instant::now();
        self.due = self.next();
        verdict
    }

    /// When the caller is to be verified without a reason: never where changes are told,
    /// so that what is idle costs nothing.
    fn next(&self) -> Option<Instant> {
        let renew = self.caller.renew.as_ref()?;
        match &self.changes {
            Some(changes) if changes.has_changed().is_ok() => None,
            _ => Some(self.verified + renew.holds()),
        }
    }

    fn changed(&self) -> bool {
        let changes = self.changes.as_ref();
        changes.is_some_and(|changes| latest(changes) != self.seen)
    }

    fn in_grace(&self) -> bool {
        self.verified.elapsed() < GRACE && !self.expired()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "credentials end by the real time"
    )]
    fn expires_in(&self) -> Option<Duration> {
        let at = self.caller.expires_at?;
        Some(at.duration_since(SystemTime::now()).unwrap_or_default())
    }

    fn expired(&self) -> bool {
        self.expires_in() == Some(Duration::ZERO)
    }
}

fn expired() -> IdentifyError {
    let message = "The credentials have expired.";
    IdentifyError::new(code::TOKEN_EXPIRED, message, StatusCode::UNAUTHORIZED)
}

/// What a listener that comes now has seen: not what it is to be told at once.
fn unseen(changes: &Changes) -> u64 {
    let told = u64::from(changes.has_changed().unwrap_or(false));
    latest(changes).wrapping_sub(told)
}

fn latest(changes: &Changes) -> u64 {
    *changes.borrow()
}

/// Waits for a change after the one `seen`, for ever if nobody can tell of one.
async fn changed(changes: &mut Option<Changes>, seen: u64) {
    if let Some(changes) = changes
        && changes.wait_for(|latest| *latest != seen).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Waits until then, for ever without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
