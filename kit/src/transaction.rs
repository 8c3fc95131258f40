//! The unit of work: reading, and writing in transactions that can be retried.

mod outbox;

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use diesel_async::{AsyncConnection, TransactionManager, pooled_connection::deadpool::Object};

use crate::{
    Deps,
    db::Connection,
    error::{Error, Fail},
    event::Fact,
    jobs::{NewTask, TaskOrder},
};
use outbox::{NewEvent, insert};

type Manager = <Connection as AsyncConnection>::TransactionManager;

/// How often a transaction that conflicts with others is attempted.
const ATTEMPTS: u32 = 4;
/// The longest pause before the second attempt; it doubles with each further attempt.
const PAUSE: Duration = Duration::from_millis(4);

/// A connection for reading. It may read from a replica, so reads that a write depends on belong in
/// [`Deps::transaction`].
pub struct ReadConnection(Object<Connection>);

impl Deref for ReadConnection {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for ReadConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// An open transaction. Functions that write take it, and functions that only read take the
/// [`Connection`] that it dereferences to, so nothing is written outside a transaction.
///
/// Facts ([`Tx::emit`]) and tasks ([`Tx::enqueue`]) are written in one statement just before the
/// commit, and are discarded if the transaction does not commit.
pub struct Tx {
    connection: Object<Connection>,
    events: Vec<NewEvent>,
    after_commit: Vec<AfterCommit>,
}

/// What is to be done once a transaction has committed.
type AfterCommit = Box<dyn FnOnce() + Send>;

impl Deref for Tx {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Tx {
    /// Emits a fact, if the transaction commits.
    pub fn emit<F: Fact>(&mut self, fact: &F) {
        self.events.push(NewEvent::of(fact));
    }

    /// Emits facts in their order, if the transaction commits.
    pub fn emit_all<'a, F: Fact>(&mut self, facts: impl IntoIterator<Item = &'a F>) {
        self.events.extend(facts.into_iter().map(NewEvent::of));
    }

    /// Calls `then` once the transaction has committed and its connection is given back; not if it
    /// fails. For what may be lost: wake-ups, news of progress, measurements. `then` does not block.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(then));
    }

    /// Requests a task, if the transaction commits.
    pub fn enqueue(&mut self, task: NewTask) {
        self.emit(&TaskOrder::Request(Box::new(task)));
    }

    /// Requests the cancellation of a task, if the transaction commits. A task that has ended stays
    /// unchanged.
    pub fn cancel_task(&mut self, task: crate::id::Id<crate::id::Task>) {
        self.emit(&TaskOrder::Cancel(task));
    }

    /// Gives the connection back after a commit, then does what was to be done after it.
    fn give_back(self) {
        drop(self.connection);
        for then in self.after_commit {
            then();
        }
    }
}

/// A failure of a transaction.
pub trait Failure: From<Error> {
    /// The error, if the failure was not an expected one.
    fn error(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn error(&self) -> Option<&Error> {
        Some(self)
    }
}

impl<C> Failure for Fail<C> {
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Refused(_) => None,
            Self::Error(error) => Some(error),
        }
    }
}

/// An async closure whose future is `Send`, which the language cannot express yet.
pub trait Work<A, R>: AsyncFnOnce(A) -> R + FnOnce(A) -> <Self as Work<A, R>>::Running {
    /// Calls the closure.
    type Running: Future<Output = R>;
}

impl<F, A, R, Running> Work<A, R> for F
where
    F: AsyncFnOnce(A) -> R + FnOnce(A) -> Running,
    Running: Future<Output = R>,
{
    type Running = Running;
}

#[expect(
    clippy::manual_async_fn,
    reason = "the signatures say that the futures may be sent to another thread"
)]
impl Deps {
    /// A connection to read with.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is to be had in time.
    pub async fn read(&self) -> Result<ReadConnection, Error> {
        self.db.connection().await.map(ReadConnection)
    }

    /// Runs `work` in a transaction and commits it; if `work` fails, nothing is changed. The
    /// connection is given back before this returns.
    ///
    /// A transaction that fails because of another one (a deadlock, or a conflict of serializable
    /// transactions) is retried, so `work` may run several times: anything that it does besides
    /// writing to the database must be repeatable.
    ///
    /// # Errors
    /// Those of `work`; `UNAVAILABLE` if there is no connection or it breaks, in which case the
    /// transaction may have committed nevertheless.
    pub fn transaction<'a, T, E, F>(
        &'a self,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send + 'a
    where
        for<'r> F: AsyncFnOnce(&'r mut Tx) -> Result<T, E>
            + Work<&'r mut Tx, Result<T, E>, Running: Send>
            + Clone
            + Send
            + 'a,
        T: Send + 'a,
        E: Failure + Send + 'a,
    {
        async move {
            let mut attempt = 1;
            loop {
                let done = self.attempt(work.clone()).await;
                let again = done
                    .as_ref()
                    .err()
                    .and_then(Failure::error)
                    .is_some_and(Error::may_be_repeated);
                if !again || attempt >= ATTEMPTS {
                    return done;
                }
                metrics::counter!("db_transactions_repeated_total", "domain" => self.domain)
                    .increment(1);
                self.pause(attempt).await;
                attempt += 1;
            }
        }
    }

    /// Runs a single writing statement, without the round trips of a transaction. It can neither
    /// emit facts nor request tasks.
    ///
    /// # Errors
    /// Those of `work`; `UNAVAILABLE` if there is no connection; `INTERNAL` if it emits a fact or
    /// requests a task.
    pub fn statement<'a, T, E, F>(
        &'a self,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send + 'a
    where
        for<'r> F: AsyncFnOnce(&'r mut Tx) -> Result<T, E>
            + Work<&'r mut Tx, Result<T, E>, Running: Send>
            + Send
            + 'a,
        T: Send + 'a,
        E: Failure + Send + 'a,
    {
        async move {
            let mut tx = self.begin().await?;
            let done = work(&mut tx).await?;
            if !tx.events.is_empty() {
                return Err(Error::internal("a single statement tells nothing").into());
            }
            tx.give_back();
            Ok(done)
        }
    }

    async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx {
            connection: self.db.connection().await?,
            events: Vec::new(),
            after_commit: Vec::new(),
        })
    }

    fn attempt<'a, T, E, F>(&'a self, work: F) -> impl Future<Output = Result<T, E>> + Send + 'a
    where
        for<'r> F: AsyncFnOnce(&'r mut Tx) -> Result<T, E>
            + Work<&'r mut Tx, Result<T, E>, Running: Send>
            + Send
            + 'a,
        T: Send + 'a,
        E: Failure + Send + 'a,
    {
        async move {
            let mut tx = self.begin().await?;
            Manager::begin_transaction(&mut *tx.connection)
                .await
                .map_err(Error::from)?;
            let done = match work(&mut tx).await {
                Ok(done) => insert(&mut tx.connection, self, std::mem::take(&mut tx.events))
                    .await
                    .map(|told| (done, told))
                    .map_err(E::from),
                Err(failure) => Err(failure),
            };
            match done {
                Ok((done, told)) => {
                    Manager::commit_transaction(&mut *tx.connection)
                        .await
                        .map_err(Error::from)?;
                    tx.give_back();
                    if told > 0 {
                        self.db.wake_relay();
                    }
                    Ok(done)
                }
                Err(failure) => {
                    // If this fails, the connection is broken, and the pool does not take it back.
                    let _ = Manager::rollback_transaction(&mut *tx.connection).await;
                    Err(failure)
                }
            }
        }
    }

    /// Waits for a random time, so that conflicting transactions are retried at different times.
    async fn pause(&self, attempt: u32) {
        let [random] = self.random_bytes::<1>();
        let longest = PAUSE * 2_u32.pow(attempt - 1);
        tokio::time::sleep(longest * u32::from(random) / 255).await;
    }
}
