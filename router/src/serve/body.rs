//! Bodies: a client's that takes too long ends, and of an answer's is counted
//! what waits in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::activity::Activity;
use crate::quota::{Budget, Charge};

/// Smaller pieces of answers are as cheap as the connection that they go to.
const COUNTED: usize = 4096;

/// A request that is answered: counts until its answer is handed over.
pub(super) struct Active(Arc<Activity>);

impl Active {
    pub(super) fn new(activity: Arc<Activity>, http2: bool) -> Self {
        activity.request(http2);
        Self(activity)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The body of an answer.
pub(crate) struct Counted {
    body: Body,
    budget: Budget,
    active: Active,
}

impl Counted {
    pub(super) fn new(body: Body, budget: Budget, active: Active) -> Self {
        Self {
            body,
            budget,
            active,
        }
    }

    fn count(&self, bytes: Bytes) -> Bytes {
        // A stream of HTTP/2 that is not read keeps small pieces for ever, too.
        let activity = &self.active.0;
        if bytes.len() < COUNTED && (bytes.is_empty() || !activity.is_http2()) {
            return bytes;
        }
        let length = bytes.len();
        activity.hold(length);
        Bytes::from_owner(Held {
            bytes,
            activity: Arc::clone(activity),
            _charge: self.budget.charge(length),
        })
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map(|frame| {
            frame.map(|frame| frame.map(|frame| frame.map_data(|bytes| self.count(bytes))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes on their way to a client.
struct Held {
    bytes: Bytes,
    activity: Arc<Activity>,
    _charge: Charge,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.activity.release(self.bytes.len());
    }
}

/// What is still taken of a body that nobody reads, because the request is answered
/// already: with bytes unread the connection would be reset, and the answer lost.
const UNREAD: usize = 16 * 1024 * 1024;
/// And how long.
const UNREAD_TIME: Duration = Duration::from_secs(5);

/// The body of a request, for as long as it may take.
pub(super) struct Timed {
    /// Nothing once it has ended.
    body: Option<Incoming>,
    allowed: Duration,
    /// From the first time that it is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    pub(super) fn new(body: Incoming, allowed: Duration) -> Self {
        Self {
            body: Some(body),
            allowed,
            timer: None,
        }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if !matches!(frame, Some(Ok(_))) {
                self.body = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let allowed = self.allowed;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(allowed)));
        match timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.body = None;
                let error = "the body took too long to arrive";
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, error);
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let nothing = || SizeHint::with_exact(0);
        self.body
            .as_ref()
            .map_or_else(nothing, http_body::Body::size_hint)
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(UNREAD_TIME, read(body)));
        }
    }
}

async fn read(mut body: Incoming) {
    let mut total = 0;
    while total < UNREAD {
        match body.frame().await {
            Some(Ok(frame)) => total += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
