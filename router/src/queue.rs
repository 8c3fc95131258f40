//! Bounded queues that take memory for what waits in them, not for what might.
//!
//! The channels of tokio reserve room for 32 messages as soon as they are made, and half a
//! kilobyte beside it. A subscription has several queues, which are empty nearly always.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::coop::cooperative;

/// A queue that is empty keeps room for this many messages at most.
const KEPT: usize = 8;

/// A queue of at most `limit` messages.
pub(crate) fn bounded<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            messages: VecDeque::new(),
            senders: 1,
            open: true,
            reader: None,
        }),
        room: Semaphore::new(limit),
        closed: Notify::new(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// A queue without a limit, for messages that something else limits.
pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(Semaphore::MAX_PERMITS)
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// A permit for each message that there is room for.
    room: Semaphore,
    /// Told when the receiver closes the queue.
    closed: Notify,
}

#[derive(Debug)]
struct State<T> {
    messages: VecDeque<T>,
    senders: usize,
    /// The receiver wants more.
    open: bool,
    /// Waits for a message.
    reader: Option<Waker>,
}

/// The receiver is gone; gives the message back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed<T>(pub(crate) T);

/// Why a message could not be put into a queue without waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room for it.
    Full,
    /// The receiver is gone.
    Closed,
}

/// The end of a queue that messages are put in at.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Puts a message in, if there is room.
    ///
    /// # Errors
    /// When there is none, or the receiver is gone.
    pub(crate) fn try_send(&self, message: T) -> Result<(), Refused> {
        match self.0.room.try_acquire() {
            Ok(permit) => permit.forget(),
            Err(tokio::sync::TryAcquireError::NoPermits) => return Err(Refused::Full),
            Err(tokio::sync::TryAcquireError::Closed) => return Err(Refused::Closed),
        }
        self.put(message).map_err(|_| Refused::Closed)
    }

    /// Puts a message in as soon as there is room; who waits longest comes first.
    ///
    /// # Errors
    /// When the receiver is gone.
    pub(crate) async fn send(&self, message: T) -> Result<(), Closed<T>> {
        match self.0.room.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(Closed(message)),
        }
        self.put(message)
    }

    fn put(&self, message: T) -> Result<(), Closed<T>> {
        let reader = {
            let mut state = self.0.state.lock();
            if !state.open {
                return Err(Closed(message));
            }
            state.messages.push_back(message);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Messages that there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.0.room.available_permits()
    }

    /// Waits until there is room for `messages`, or the receiver is gone.
    pub(crate) async fn has_room(&self, messages: u32) {
        let _ = self.0.room.acquire_many(messages).await;
    }

    /// True once the receiver is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.room.is_closed()
    }

    /// Waits until the receiver is gone.
    pub(crate) async fn closed(&self) {
        let mut closed = std::pin::pin!(self.0.closed.notified());
        // Before the look, so that a receiver that goes now is not missed.
        closed.as_mut().enable();
        if !self.is_closed() {
            closed.await;
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let reader = {
            let mut state = self.0.state.lock();
            state.senders -= 1;
            match state.senders {
                0 => state.reader.take(),
                _ => None,
            }
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The end of a queue that messages are taken from.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The next message; nothing once all senders are gone, or the queue was closed, and it
    /// is empty.
    pub(crate) async fn recv(&mut self) -> Option<T> {
        let next = poll_fn(|context| {
            let mut state = self.0.state.lock();
            if let Some(message) = state.next() {
                self.0.room.add_permits(1);
                return Poll::Ready(Some(message));
            }
            if state.senders == 0 || !state.open {
                return Poll::Ready(None);
            }
            match &mut state.reader {
                Some(reader) => reader.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        });
        cooperative(next).await
    }

    /// The next message, if one is there.
    pub(crate) fn try_recv(&mut self) -> Option<T> {
        let message = self.0.state.lock().next()?;
        self.0.room.add_permits(1);
        Some(message)
    }

    /// Takes nothing more in; what is there can still be taken out.
    pub(crate) fn close(&mut self) {
        self.0.state.lock().open = false;
        self.0.room.close();
        self.0.closed.notify_waiters();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.close();
        let left = std::mem::take(&mut self.0.state.lock().messages);
        drop(left);
    }
}

impl<T> State<T> {
    fn next(&mut self) -> Option<T> {
        let message = self.messages.pop_front();
        if self.messages.is_empty() && self.messages.capacity() > KEPT {
            self.messages = VecDeque::new();
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn messages_come_in_order_until_the_last_sender_is_gone() {
        let (sender, mut receiver) = bounded(2);
        let other = sender.clone();
        sender.send(1).await.unwrap();
        drop(sender);
        other.send(2).await.unwrap();
        assert_eq!(receiver.recv().await, Some(1));
        drop(other);
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let (sender, mut receiver) = bounded(1);
        sender.try_send(1).unwrap();
        assert_eq!(sender.try_send(2), Err(Refused::Full));
        let mut waiting = std::pin::pin!(sender.send(2));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(receiver.recv().await, Some(1));
        // The room that was made is for who waits.
        assert_eq!(sender.capacity(), 0);
        waiting.await.unwrap();
        assert_eq!(receiver.try_recv(), Some(2));
        assert_eq!(receiver.try_recv(), None);
        sender.has_room(1).await;
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_a_message_and_by_the_end() {
        let (sender, mut receiver) = bounded(1);
        let reader = tokio::spawn(async move { (receiver.recv().await, receiver.recv().await) });
        tokio::task::yield_now().await;
        sender.send(1).await.unwrap();
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(reader.await.unwrap(), (Some(1), None));
    }

    #[tokio::test]
    async fn senders_learn_that_the_receiver_is_gone() {
        let (sender, receiver) = bounded(1);
        sender.try_send(1).unwrap();
        let waiting = sender.clone();
        let waiting = tokio::spawn(async move { waiting.send(2).await });
        let told = sender.clone();
        let told = tokio::spawn(async move { told.closed().await });
        tokio::task::yield_now().await;
        drop(receiver);
        assert_eq!(waiting.await.unwrap(), Err(Closed(2)));
        told.await.unwrap();
        sender.closed().await;
        assert!(sender.is_closed());
        assert_eq!(sender.try_send(3), Err(Refused::Closed));
    }

    #[tokio::test]
    async fn what_was_in_a_closed_queue_can_be_taken_out() {
        let (sender, mut receiver) = unbounded();
        sender.try_send(1).unwrap();
        receiver.close();
        assert_eq!(sender.try_send(2), Err(Refused::Closed));
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, None);
    }

    #[test]
    fn a_queue_that_was_full_gives_its_memory_back_when_it_is_empty() {
        let (sender, mut receiver) = bounded(100);
        let memory = || sender.0.state.lock().messages.capacity();
        assert_eq!(memory(), 0);
        for message in 0..100 {
            sender.try_send(message).unwrap();
        }
        while receiver.try_recv().is_some() {}
        assert!(memory() <= KEPT);
    }
}
