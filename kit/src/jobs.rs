//! Background work: requesting and performing tasks.
//!
//! A domain requests a task in the transaction that makes it necessary ([`Tx::enqueue`]). The
//! request is a fact, which the task engine consumes, so nothing is lost if a process dies in
//! between, and a transaction that rolls back requests nothing.
//!
//! [`Tx::enqueue`]: crate::transaction::Tx::enqueue

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::Error,
    event::Fact,
    id::{Id, Task, User},
};

/// A type of task. Its value is the payload for the worker: at most 64 KiB of JSON; larger data
/// belongs in storage.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the type, such as `media.derive_images`.
    const TYPE: &'static str;
    /// The queue that its tasks wait in.
    const QUEUE: &'static str;
    /// The number of attempts before a task becomes a dead letter.
    const MAX_ATTEMPTS: i16 = 5;
    /// The names of its steps, if they are known in advance.
    const STEPS: &'static [&'static str] = &[];
}

/// A task to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// The task's id, chosen by the requester, so that it can be returned to clients immediately.
    pub id: Id<Task>,
    /// The type of the task, such as `media.derive_images`. A [`Handler`] or an external worker
    /// performs it.
    pub task_type: String,
    /// The queue that it waits in.
    pub queue: String,
    /// The priority: higher goes first, and 0 is normal.
    #[serde(default)]
    pub priority: i16,
    /// The user for whom it runs; queues are fair between owners.
    pub owner: Option<Id<User>>,
    /// The wire id of the entity that it is about, such as `ast_…`.
    pub subject: Option<String>,
    /// The payload for the worker, at most 64 KiB; larger data belongs in storage.
    #[serde(default)]
    pub payload: Value,
    /// A key that only one waiting or running task can have; further tasks with the same key are
    /// not accepted.
    #[serde(default)]
    pub unique_key: Option<String>,
    /// The earliest time to run it.
    #[serde(default)]
    pub run_at: Option<DateTime<Utc>>,
    /// The number of attempts before it becomes a dead letter.
    #[serde(default = "default_attempts")]
    pub max_attempts: i16,
    /// The parent task.
    #[serde(default)]
    pub parent: Option<Id<Task>>,
    /// The capabilities that a worker must have, such as `{"gpu": "1"}`.
    #[serde(default)]
    pub requires: BTreeMap<String, String>,
    /// The names of its steps, if they are known in advance.
    #[serde(default)]
    pub steps: Vec<String>,
}

const fn default_attempts() -> i16 {
    5
}

impl NewTask {
    /// Creates a task of normal priority that may start immediately.
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

    /// Creates a task of normal priority that performs `job` and may start immediately.
    pub fn of<J: Job>(id: Id<Task>, job: &J) -> Self {
        let payload = serde_json::to_value(job).unwrap_or_default();
        Self {
            max_attempts: J::MAX_ATTEMPTS,
            steps: J::STEPS.iter().map(|step| (*step).to_owned()).collect(),
            ..Self::new(id, J::TYPE, J::QUEUE, payload)
        }
    }
}

/// The requests of domains to the task engine, in the order in which they are to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOrder {
    /// A task is requested.
    Request(Box<NewTask>),
    /// The cancellation of a task is requested.
    Cancel(Id<Task>),
}

/// The topic of [`TaskOrder::Request`].
const TASK_REQUESTED: &str = "task.requested";
/// The topic of [`TaskOrder::Cancel`].
const TASK_CANCEL_REQUESTED: &str = "task.cancel_requested";

impl Fact for TaskOrder {
    const DOMAIN: Option<&'static str> = None;
    const TOPICS: &'static [&'static str] = &[TASK_REQUESTED, TASK_CANCEL_REQUESTED];

    fn topic(&self) -> &'static str {
        match self {
            Self::Request(_) => TASK_REQUESTED,
            Self::Cancel(_) => TASK_CANCEL_REQUESTED,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Request(task) => task.id.to_string(),
            Self::Cancel(task) => task.to_string(),
        }
    }

    fn payload(&self) -> serde_json::Result<Value> {
        match self {
            Self::Request(task) => serde_json::to_value(task),
            Self::Cancel(task) => serde_json::to_value(task),
        }
    }

    fn read(topic: &str, payload: &Value) -> serde_json::Result<Self> {
        if topic == TASK_REQUESTED {
            NewTask::deserialize(payload).map(|task| Self::Request(Box::new(task)))
        } else {
            Id::deserialize(payload).map(Self::Cancel)
        }
    }
}

/// Why an attempt of a task failed.
#[derive(Debug, Clone)]
pub enum TaskFailure {
    /// The failure may be temporary: the task is retried with backoff until its attempts are used
    /// up.
    Retry(Error),
    /// The failure is permanent: the task becomes a dead letter at once.
    GiveUp(Error),
    /// The task stopped because it was cancelled.
    Cancelled,
}

impl<E: Into<Error>> From<E> for TaskFailure {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

/// A running task, as its handler sees it.
#[async_trait]
pub trait Running: Send + Sync {
    /// Returns the task's id.
    fn id(&self) -> Id<Task>;

    /// Returns the payload.
    fn payload(&self) -> &Value;

    /// Returns the user for whom it runs.
    fn owner(&self) -> Option<Id<User>>;

    /// Returns the number of the attempt, starting at 1.
    fn attempt(&self) -> i16;

    /// Reports the progress, from 0 to 1, and the current step. Cheap: values are coalesced before
    /// they are stored or published.
    fn progress(&self, progress: f64, step: Option<&str>);

    /// Adds a line to the task's log.
    fn log(&self, line: String);

    /// Completes when the task should stop: it was cancelled, or its lease is lost.
    async fn stopped(&self);

    /// Whether the task should stop.
    fn is_stopped(&self) -> bool;
}

/// Performs the tasks of one type. It may be called again for the same task after a crash, so it
/// must be idempotent.
#[async_trait]
pub trait Work<J: Job>: Send + Sync + 'static {
    /// Performs the task; the returned value becomes its result.
    ///
    /// # Errors
    /// The failure, which says whether to retry.
    async fn work(&self, job: J, task: Arc<dyn Running>) -> Result<Value, TaskFailure>;
}

/// Performs the tasks of one type, without the type of the payload, for the registry of a worker.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Returns the type of task that it performs.
    fn task_type(&self) -> &'static str;

    /// Returns the queue that its tasks wait in.
    fn queue(&self) -> &'static str;

    /// Performs the task; the returned value becomes its result.
    ///
    /// # Errors
    /// The failure, which says whether to retry.
    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure>;
}

/// Creates the handler for a job. A task whose payload cannot be read becomes a dead letter.
pub fn handler<J: Job>(work: impl Work<J>) -> Arc<dyn Handler> {
    Arc::new(Typed {
        work,
        job: PhantomData::<fn() -> J>,
    })
}

struct Typed<J, W> {
    work: W,
    job: PhantomData<fn() -> J>,
}

#[async_trait]
impl<J: Job, W: Work<J>> Handler for Typed<J, W> {
    fn task_type(&self) -> &'static str {
        J::TYPE
    }

    fn queue(&self) -> &'static str {
        J::QUEUE
    }

    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        let job = J::deserialize(task.payload())
            .map_err(|cause| TaskFailure::GiveUp(Error::internal(cause)))?;
        self.work.work(job, task).await
    }
}
