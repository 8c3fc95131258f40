//! Cancelling tasks, trying them again, and changing their priority.

use async_graphql::{Context, InputObject, Json, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::{self, Id},
    payload,
};
use serde_json::Value;

use super::Task;
use crate::{
    app::task::change::{self, DeadLetters},
    error::TaskUserError,
    graphql::engine,
};

/// The input of `taskCancel`.
#[derive(InputObject)]
pub struct TaskCancelInput {
    /// The id of the task.
    id: Id<id::Task>,
}

/// The input of `taskRetry`.
#[derive(InputObject)]
pub struct TaskRetryInput {
    /// The id of the task.
    id: Id<id::Task>,
}

/// The input of `taskPrioritySet`.
#[derive(InputObject)]
pub struct TaskPrioritySetInput {
    /// The id of the task.
    id: Id<id::Task>,
    /// The new priority, from -100 to 100. Tasks with a higher priority start first; 0 is normal.
    priority: i32,
}

/// The input of `tasksDeadLetterReplay`.
#[derive(InputObject)]
pub struct TasksDeadLetterReplayInput {
    /// The ids of the dead letters, at most 1000; by default, the oldest ones of the queue and type.
    ids: Option<Vec<Id<id::Task>>>,
    /// Replays only dead letters of this queue. Ignored if there are ids.
    queue: Option<String>,
    /// Replays only dead letters of this type. Ignored if there are ids.
    #[graphql(name = "type")]
    task_type: Option<String>,
    /// The maximum number of dead letters to replay, from 1 to 1000. Ignored if there are ids.
    #[graphql(default = 100)]
    limit: i32,
    /// The new input of the task, at most 64 KiB; allowed with exactly one id.
    payload: Option<Json<Value>>,
}

impl From<TasksDeadLetterReplayInput> for DeadLetters {
    fn from(input: TasksDeadLetterReplayInput) -> Self {
        Self {
            ids: input.ids,
            queue: input.queue,
            task_type: input.task_type,
            limit: input.limit,
            payload: input.payload.map(|Json(payload)| payload),
        }
    }
}

payload! {
    /// The result of cancelling a task.
    pub struct TaskCancelPayload, TaskUserError {
        /// The task. If a worker is working on it, it is cancelled as soon as the worker has stopped.
        task: Task,
    }

    /// The result of trying a task again.
    pub struct TaskRetryPayload, TaskUserError {
        /// The task, which waits for a worker or for its children.
        task: Task,
    }

    /// The result of changing a task's priority.
    pub struct TaskPrioritySetPayload, TaskUserError {
        /// The task with its new priority.
        task: Task,
    }

    /// The result of replaying dead letters.
    pub struct TasksDeadLetterReplayPayload, TaskUserError {
        /// The tasks that wait for a worker again, at most 1000.
        tasks: Vec<Task>,
    }
}

/// How tasks are changed.
#[derive(Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Cancels one of the caller's tasks, and its children. A waiting task is cancelled at once. The
    /// worker of a running task is asked to stop, and loses the task when its lease expires if it does
    /// not.
    #[graphql(directive = authenticated::apply())]
    async fn task_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to cancel.")] input: TaskCancelInput,
    ) -> Result<TaskCancelPayload> {
        let cancelled = change::cancel(engine(ctx), actor(ctx), input.id).await;
        mutation(ctx, cancelled.map(Task::from))
    }

    /// Tries one of the caller's failed or cancelled tasks again with all its attempts. If it has
    /// children, only those that failed or were cancelled are tried again.
    #[graphql(directive = authenticated::apply())]
    async fn task_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to try again.")] input: TaskRetryInput,
    ) -> Result<TaskRetryPayload> {
        let queued = change::retry(engine(ctx), actor(ctx), input.id).await;
        mutation(ctx, queued.map(Task::from))
    }

    /// Changes the priority of a task that has not ended.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_priority_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task and its new priority.")] input: TaskPrioritySetInput,
    ) -> Result<TaskPrioritySetPayload> {
        let (engine, actor) = (engine(ctx), actor(ctx));
        let changed = change::set_priority(engine, actor, input.id, input.priority).await;
        mutation(ctx, changed.map(Task::from))
    }

    /// Tries dead letters again with all their attempts.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn tasks_dead_letter_replay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dead letters to replay.")] input: TasksDeadLetterReplayInput,
    ) -> Result<TasksDeadLetterReplayPayload> {
        let replayed = change::replay(engine(ctx), actor(ctx), input.into()).await;
        let tasks = |rows: Vec<_>| rows.into_iter().map(Task::from).collect();
        mutation(ctx, replayed.map(tasks))
    }
}
