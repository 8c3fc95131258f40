//! Fields that wait.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use stock::parser::types::Field;
use stock::{ContextSelectionSet, Positioned, ServerResult, Value};

use crate::field;

/// Up to this many are all polled when one of them wakes; more get a waker each.
const POLLED_TOGETHER: usize = 32;

/// Room for a future, to be used again when the future is done.
pub(crate) type Place<F> = Pin<Box<Option<F>>>;

/// Puts a future into a free place, or a new one.
pub(crate) fn place<F>(free: Option<Place<F>>, future: F) -> Place<F> {
    match free {
        Some(mut free) => {
            free.set(Some(future));
            free
        }
        None => Box::pin(Some(future)),
    }
}

/// Polls the future in a place; a finished one leaves the place.
pub(crate) fn poll<F: Future<Output = ServerResult<Value>>>(
    mut place: Pin<&mut Option<F>>,
    task: &mut TaskContext<'_>,
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
) -> Poll<ServerResult<Value>> {
    let Some(future) = place.as_mut().as_pin_mut() else {
        return Poll::Ready(Ok(Value::Null));
    };
    let polled = field::poll(future, task, ctx, field);
    if polled.is_ready() {
        place.set(None);
    }
    polled
}

/// A field that waits, with its position among the object's fields.
pub(crate) struct Waiting<'a, F> {
    pub(crate) at: usize,
    pub(crate) place: Place<F>,
    pub(crate) ctx: &'a ContextSelectionSet<'a>,
    pub(crate) field: &'a Positioned<Field>,
}

impl<F: Future<Output = ServerResult<Value>>> Future for Waiting<'_, F> {
    type Output = (usize, ServerResult<Value>);

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self {
            at,
            place,
            ctx,
            field,
        } = &mut *self;
        poll(place.as_mut(), task, ctx, field).map(|result| (*at, result))
    }
}

/// The waiting fields of an object.
pub(crate) enum AllWaiting<'a, F> {
    Few(Vec<Waiting<'a, F>>),
    Many(FuturesUnordered<Waiting<'a, F>>),
}

impl<'a, F: Future<Output = ServerResult<Value>>> AllWaiting<'a, F> {
    pub(crate) fn new(waiting: Vec<Waiting<'a, F>>) -> Self {
        if waiting.len() <= POLLED_TOGETHER {
            Self::Few(waiting)
        } else {
            Self::Many(waiting.into_iter().collect())
        }
    }

    /// Whether each has this task's waker already.
    pub(crate) fn were_polled(&self) -> bool {
        matches!(self, Self::Few(_))
    }

    /// Calls `ready` for each field that is done; ready when all are.
    pub(crate) fn poll(
        &mut self,
        task: &mut TaskContext<'_>,
        mut ready: impl FnMut(usize, ServerResult<Value>),
    ) -> Poll<()> {
        let waits = match self {
            Self::Few(waiting) => {
                waiting.retain_mut(|one| match Pin::new(one).poll(task) {
                    Poll::Ready((at, result)) => {
                        ready(at, result);
                        false
                    }
                    Poll::Pending => true,
                });
                !waiting.is_empty()
            }
            Self::Many(waiting) => loop {
                match waiting.poll_next_unpin(task) {
                    Poll::Ready(Some((at, result))) => ready(at, result),
                    Poll::Ready(None) => break false,
                    Poll::Pending => break true,
                }
            },
        };
        if waits {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}
