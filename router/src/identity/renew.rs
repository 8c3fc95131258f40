//! Verifying a caller again, for what lasts longer than a request.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Caller, IdentifyError};

/// Tells that a caller must be verified again: each value sent is one change.
pub type Changes = watch::Receiver<u64>;

type Verify = dyn Fn(Arc<str>) -> BoxFuture<'static, Result<Caller, IdentifyError>> + Send + Sync;

/// Verifies a caller again, see [`Caller::renew`](super::Caller::renew).
///
/// An error whose status is a server's (5xx) or 429 is taken for trouble that passes;
/// any other one ends what the caller has open.
#[derive(Clone)]
pub struct Renew {
    verify: Arc<Verify>,
    follow: Option<Arc<dyn Fn() -> Changes + Send + Sync>>,
    holds: Duration,
}

impl Renew {
    /// `verify` gives the caller as it is now, for the request with this id. It is called
    /// at the start of each operation of a WebSocket, so it should be cheap.
    pub fn new(
        verify: impl Fn(Arc<str>) -> BoxFuture<'static, Result<Caller, IdentifyError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            verify: Arc::new(verify),
            follow: None,
            holds: Duration::from_secs(30),
        }
    }

    /// For how long a running subscription believes the caller without verifying it
    /// again. 30 seconds by default.
    #[must_use]
    pub fn holding(mut self, time: Duration) -> Self {
        self.holds = time;
        self
    }

    /// `follow` is called once for each WebSocket and each subscription. Whatever it
    /// tells has the caller verified at once, and only that: [`Renew::holding`] no longer
    /// counts. Whoever tells must notice changes that it has missed.
    #[must_use]
    pub fn told_by(mut self, follow: impl Fn() -> Changes + Send + Sync + 'static) -> Self {
        self.follow = Some(Arc::new(follow));
        self
    }

    pub(super) fn holds(&self) -> Duration {
        self.holds
    }

    /// What tells of changes; `None` if nothing does.
    pub fn follow(&self) -> Option<Changes> {
        self.follow.as_ref().map(|follow| follow())
    }

    /// The caller as it is now.
    ///
    /// # Errors
    /// When the caller's credentials no longer hold, or that cannot be found out.
    pub async fn caller(&self, request_id: Arc<str>) -> Result<Caller, IdentifyError> {
        (self.verify)(request_id).await
    }
}

impl std::fmt::Debug for Renew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renew")
    }
}
