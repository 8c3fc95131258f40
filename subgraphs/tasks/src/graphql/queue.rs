//! Queues.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{Long, actor, mutation},
    payload,
};
use chrono::{DateTime, Utc};

use super::engine;
use crate::{app, db::queue::QueueRow, error::TaskUserError};

/// A queue in which tasks wait for workers.
#[derive(Debug, Clone, SimpleObject)]
pub struct Queue {
    /// The name of the queue.
    pub name: String,
    /// The time when the queue was paused; null if it is not.
    pub paused_at: Option<DateTime<Utc>>,
    /// The number of tasks that wait for their start time.
    pub scheduled: Long,
    /// The number of tasks that wait for a worker.
    pub queued: Long,
    /// The number of tasks that a worker is working on.
    pub running: Long,
    /// The number of tasks that wait for another attempt.
    pub retrying: Long,
    /// The number of tasks that failed and have no attempts left.
    pub dead_letters: Long,
    /// The time since when the queue's oldest waiting task could have started.
    pub oldest_queued_at: Option<DateTime<Utc>>,
}

impl From<QueueRow> for Queue {
    fn from(row: QueueRow) -> Self {
        Self {
            name: row.name,
            paused_at: row.paused_at,
            scheduled: row.scheduled.into(),
            queued: row.queued.into(),
            running: row.running.into(),
            retrying: row.retrying.into(),
            dead_letters: row.dead.into(),
            oldest_queued_at: row.oldest_queued_at,
        }
    }
}

/// The input of `queuePause`.
#[derive(InputObject)]
pub struct QueuePauseInput {
    /// The name of the queue.
    name: String,
}

/// The input of `queueResume`.
#[derive(InputObject)]
pub struct QueueResumeInput {
    /// The name of the queue.
    name: String,
}

payload! {
    /// The result of pausing a queue.
    pub struct QueuePausePayload, TaskUserError {
        /// The paused queue.
        queue: Queue,
    }

    /// The result of resuming a queue.
    pub struct QueueResumePayload, TaskUserError {
        /// The resumed queue.
        queue: Queue,
    }
}

/// How queues are found.
#[derive(Default)]
pub struct QueueQuery;

#[Object]
impl QueueQuery {
    /// The queues and how many tasks are in them, sorted by name; at most 200.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queues(&self, ctx: &Context<'_>) -> Result<Vec<Queue>> {
        let rows = app::queue::list(engine(ctx), actor(ctx)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

/// How queues are changed.
#[derive(Default)]
pub struct QueueMutation;

#[Object]
impl QueueMutation {
    /// Pauses a queue: its tasks are not handed out to workers. Running tasks continue.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queue_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue to pause.")] input: QueuePauseInput,
    ) -> Result<QueuePausePayload> {
        let paused = app::queue::pause(engine(ctx), actor(ctx), &input.name).await;
        mutation(ctx, paused.map(Into::into))
    }

    /// Resumes a paused queue.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queue_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue to resume.")] input: QueueResumeInput,
    ) -> Result<QueueResumePayload> {
        let resumed = app::queue::resume(engine(ctx), actor(ctx), &input.name).await;
        mutation(ctx, resumed.map(Into::into))
    }
}
