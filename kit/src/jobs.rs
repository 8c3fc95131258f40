//! Background work: asking for it from any domain, and doing it.
//!
//! A domain asks for a task in the transaction that makes it necessary ([`enqueue`]): the request is
//! an event of the domain, which the task engine takes up. Nothing is lost if anything dies in
//! between, and nothing is asked for by a transaction that rolls back.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Deps,
    db::Connection,
    error::Error,
    event::{NewEvent, emit_all},
    id::{Id, Task, User},
};

/// Topic of the events that ask for tasks.
pub const TASK_REQUESTED: &str = "task.requested";
/// Topic of the events that ask for the cancellation of tasks; the payload is a list of task ids.
pub const TASK_CANCEL_REQUESTED: &str = "task.cancel_requested";

/// A wanted task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// The task's id, chosen by the asker, so that it can be told to clients at once.
    pub id: Id<Task>,
    /// What kind of work: `media.derive_images`. A [`Handler`] or an external worker knows it.
    pub task_type: String,
    /// The queue it waits in.
    pub queue: String,
    /// Higher goes first; 0 is normal.
    #[serde(default)]
    pub priority: i16,
    /// For whom it is done; fairness counts by owner.
    pub owner: Option<Id<User>>,
    /// The wire id of the thing it is about: `ast_…`.
    pub subject: Option<String>,
    /// What the worker needs to know; at most 64 KiB, larger things go to storage.
    #[serde(default)]
    pub payload: Value,
    /// While a task with this key waits or runs, another one is not accepted.
    #[serde(default)]
    pub unique_key: Option<String>,
    /// Not before this time.
    #[serde(default)]
    pub run_at: Option<DateTime<Utc>>,
    /// Attempts before it goes to the dead letters.
    #[serde(default = "default_attempts")]
    pub max_attempts: i16,
    /// The task it is a part of.
    #[serde(default)]
    pub parent: Option<Id<Task>>,
    /// What a worker must be able to do: `{"gpu": "1"}`.
    #[serde(default)]
    pub requires: BTreeMap<String, String>,
    /// The names of its steps, where they are known beforehand.
    #[serde(default)]
    pub steps: Vec<String>,
}

const fn default_attempts() -> i16 {
    5
}

impl NewTask {
    /// A task of normal priority that may start now.
    pub fn new(id: Id<Task>, task_type: &str, queue: &str, payload: Value) -> Self {
        Self {
            id,
            task_type: task_type.to_owned(),
            queue: queue.to_owned(),
            priority: 0,
            owner: None,
            subject: None,
            payload,
            unique_key: None,
            run_at: None,
            max_attempts: default_attempts(),
            parent: None,
            requires: BTreeMap::new(),
            steps: Vec::new(),
        }
    }
}

/// Asks for tasks in the caller's transaction.
///
/// # Errors
/// Whatever the insert fails with; the transaction is lost then.
pub async fn enqueue(
    connection: &mut Connection,
    deps: &Deps,
    tasks: &[NewTask],
) -> Result<(), Error> {
    let events = tasks
        .iter()
        .map(|task| NewEvent {
            topic: TASK_REQUESTED,
            key: task.id.to_string(),
            concerns: Vec::new(),
            payload: task,
        })
        .collect();
    emit_all(connection, deps, events).await
}

/// Why a task did not succeed this time.
#[derive(Debug, Clone)]
pub enum TaskFailure {
    /// It may work later: tried again with backoff until the attempts are used up.
    Retry(Error),
    /// It will never work: straight to the dead letters.
    GiveUp(Error),
    /// It stopped because it was cancelled.
    Cancelled,
}

impl<E: Into<Error>> From<E> for TaskFailure {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

/// A task at work, as its handler sees it.
#[async_trait]
pub trait Running: Send + Sync {
    /// The task's id.
    fn id(&self) -> Id<Task>;

    /// What the worker needs to know.
    fn payload(&self) -> &Value;

    /// For whom it is done.
    fn owner(&self) -> Option<Id<User>>;

    /// Which attempt this is, from 1.
    fn attempt(&self) -> i16;

    /// Tells how far it is: `progress` from 0 to 1, and the step it is in. Cheap: values are
    /// coalesced before they are stored or published.
    fn progress(&self, progress: f64, step: Option<&str>);

    /// Adds a line to the task's log.
    fn log(&self, line: String);

    /// Completes when the task should stop: it was cancelled, or its lease is lost.
    async fn stopped(&self);

    /// Whether the task should stop.
    fn is_stopped(&self) -> bool;
}

/// Does one kind of task. May be called again for the same task after a crash, so it must be
/// idempotent.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The kind of task it does.
    fn task_type(&self) -> &'static str;

    /// The queue that its tasks wait in.
    fn queue(&self) -> &'static str;

    /// Does the task; the value becomes its result.
    ///
    /// # Errors
    /// Says whether to try again.
    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure>;
}
