//! What can be done.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Json, Object, Result};
use atelier_kit::{
    graphql::{Long, actor, directive::authenticated, mutation},
    id::{Id, Task as TaskEntity},
};
use serde_json::Value;

use super::{
    engine,
    grant::{TaskResultDeclareInput, WorkerGrantRemoveInput, WorkerGrantSetInput},
    payload::{
        QueuePausePayload, QueueResumePayload, ScheduleDeletePayload, ScheduleUpsertPayload,
        TaskCancelPayload, TaskCompletePayload, TaskFailPayload, TaskHeartbeatPayload,
        TaskLeasePayload, TaskPrioritySetPayload, TaskResultDeclarePayload, TaskRetryPayload,
        TasksDeadLetterReplayPayload, WorkerDrainPayload, WorkerGrantRemovePayload,
        WorkerGrantSetPayload, WorkerRegisterPayload,
    },
    schedule::{Schedule, ScheduleUpsertInput},
    task::Task,
    worker::{TaskLeases, Worker},
    worker_input::{
        TaskCompleteInput, TaskFailInput, TaskHeartbeatInput, TaskLeaseInput, WorkerDrainInput,
        WorkerRegisterInput,
    },
};
use crate::{
    app::{self, lease, worker},
    db::TaskRow,
};

/// What can be done.
pub struct Mutation;

fn task(row: TaskRow) -> Task {
    Task(Arc::new(row))
}

/// Which task.
#[derive(InputObject)]
pub struct TaskCancelInput {
    /// The task's id.
    id: Id<TaskEntity>,
}

/// Which task.
#[derive(InputObject)]
pub struct TaskRetryInput {
    /// The task's id.
    id: Id<TaskEntity>,
}

/// Which task, and how urgent it is.
#[derive(InputObject)]
pub struct TaskPrioritySetInput {
    /// The task's id.
    id: Id<TaskEntity>,
    /// From -100 to 100; higher goes first, 0 is normal.
    priority: i32,
}

/// Which dead letters.
#[derive(InputObject)]
pub struct TasksDeadLetterReplayInput {
    /// These; without, the oldest of the queue and type.
    ids: Option<Vec<Id<TaskEntity>>>,
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this type.
    #[graphql(name = "type")]
    task_type: Option<String>,
    /// At most so many, up to 1000.
    #[graphql(default = 100)]
    limit: i32,
    /// What the worker is to be told instead; goes with exactly one id.
    payload: Option<Json<Value>>,
}

/// Which queue.
#[derive(InputObject)]
pub struct QueuePauseInput {
    /// The queue's name.
    name: String,
}

/// Which queue.
#[derive(InputObject)]
pub struct QueueResumeInput {
    /// The queue's name.
    name: String,
}

/// Which schedule.
#[derive(InputObject)]
pub struct ScheduleDeleteInput {
    /// The schedule's name.
    name: String,
}

fn value(json: Option<Json<Value>>) -> Value {
    json.map_or(Value::Null, |Json(value)| value)
}

/// What can be done.
#[Object]
impl Mutation {
    /// Cancels one of the caller's tasks with its parts. What nobody works on is cancelled at once;
    /// who does is asked to stop, and loses the task if they do not.
    #[graphql(directive = authenticated::apply())]
    async fn task_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] input: TaskCancelInput,
    ) -> Result<TaskCancelPayload> {
        mutation(
            ctx,
            app::task::cancel(engine(ctx), actor(ctx), input.id)
                .await
                .map(task),
        )
    }

    /// Tries one of the caller's tasks again that failed or was cancelled, or the failed parts of one
    /// that partially succeeded.
    #[graphql(directive = authenticated::apply())]
    async fn task_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] input: TaskRetryInput,
    ) -> Result<TaskRetryPayload> {
        mutation(
            ctx,
            app::task::retry(engine(ctx), actor(ctx), input.id)
                .await
                .map(task),
        )
    }

    /// Makes a task that is not finished more or less urgent.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_priority_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, and how urgent.")] input: TaskPrioritySetInput,
    ) -> Result<TaskPrioritySetPayload> {
        mutation(
            ctx,
            app::task::set_priority(engine(ctx), actor(ctx), input.id, input.priority)
                .await
                .map(task),
        )
    }

    /// Tries dead letters again, with all their attempts.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn tasks_dead_letter_replay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which dead letters.")] input: TasksDeadLetterReplayInput,
    ) -> Result<TasksDeadLetterReplayPayload> {
        let which = app::task::DeadLetters {
            ids: input.ids,
            queue: input.queue,
            task_type: input.task_type,
            limit: input.limit,
            payload: input.payload.map(|Json(payload)| payload),
        };
        let replayed = app::task::replay(engine(ctx), actor(ctx), which).await;
        mutation(
            ctx,
            replayed.map(|rows| rows.into_iter().map(task).collect()),
        )
    }

    /// Stops handing out the tasks of a queue; those at work go on.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queue_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which queue.")] input: QueuePauseInput,
    ) -> Result<QueuePausePayload> {
        mutation(
            ctx,
            app::queue::pause(engine(ctx), actor(ctx), &input.name)
                .await
                .map(Into::into),
        )
    }

    /// Hands out the tasks of a queue again.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queue_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which queue.")] input: QueueResumeInput,
    ) -> Result<QueueResumePayload> {
        mutation(
            ctx,
            app::queue::resume(engine(ctx), actor(ctx), &input.name)
                .await
                .map(Into::into),
        )
    }

    /// Creates or changes a schedule.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedule_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule as it is wanted.")] input: ScheduleUpsertInput,
    ) -> Result<ScheduleUpsertPayload> {
        mutation(
            ctx,
            app::schedule::upsert(engine(ctx), actor(ctx), input.into())
                .await
                .map(Schedule),
        )
    }

    /// Removes a schedule; its tasks stay.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedule_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: ScheduleDeleteInput,
    ) -> Result<ScheduleDeletePayload> {
        mutation(
            ctx,
            app::schedule::delete(engine(ctx), actor(ctx), &input.name).await,
        )
    }

    /// Binds the credential of external workers to queues and types of tasks.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grant_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which credential, and what it is bound to.")] input: WorkerGrantSetInput,
    ) -> Result<WorkerGrantSetPayload> {
        mutation(
            ctx,
            app::grant::set(engine(ctx), actor(ctx), input.into())
                .await
                .map(Into::into),
        )
    }

    /// Takes away what a credential was granted: its workers lease nothing more, and what they have
    /// goes to others when its leases run out.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grant_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which credential.")] input: WorkerGrantRemoveInput,
    ) -> Result<WorkerGrantRemovePayload> {
        mutation(
            ctx,
            app::grant::remove(engine(ctx), actor(ctx), input.access_token_id).await,
        )
    }

    /// Declares what the results of a type of task look like; external workers can end its tasks with no
    /// others.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_result_declare(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which type, and what its results look like.")]
        input: TaskResultDeclareInput,
    ) -> Result<TaskResultDeclarePayload> {
        let Json(shape) = input.result;
        let declared = app::grant::declare(engine(ctx), actor(ctx), input.task_type, shape).await;
        mutation(ctx, declared.map(Into::into))
    }

    /// Registers an external worker, for queues and types that its credential was granted.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn worker_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the worker says about itself.")] input: WorkerRegisterInput,
    ) -> Result<WorkerRegisterPayload> {
        let new = worker::NewWorker {
            name: input.name,
            queues: input.queues,
            types: input.types,
            capabilities: input
                .capabilities
                .map_or_else(|| serde_json::json!({}), |Json(value)| value),
            concurrency: input.concurrency,
        };
        let registered = worker::register(engine(ctx), actor(ctx), new).await;
        mutation(ctx, registered.map(|row| Worker { row, running: 0 }))
    }

    /// Leases waiting tasks to a worker. It must tell of each before its lease runs out.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_lease(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the worker wants.")] input: TaskLeaseInput,
    ) -> Result<TaskLeasePayload> {
        let request = lease::LeaseRequest {
            worker: input.worker_id,
            queues: input.queues,
            capabilities: input.capabilities.map(|Json(value)| value),
            max: input.max,
            lease_seconds: input.lease_seconds,
        };
        let leases = lease::lease(engine(ctx), actor(ctx), request).await;
        let granted = leases.map(|leases| TaskLeases {
            leases: leases.tasks.into_iter().map(Into::into).collect(),
            draining: leases.draining,
        });
        mutation(ctx, granted)
    }

    /// Extends a lease, and tells how far the task is.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_heartbeat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the worker tells.")] input: TaskHeartbeatInput,
    ) -> Result<TaskHeartbeatPayload> {
        let beat = lease::Heartbeat {
            lease: input.lease_id.uuid(),
            progress: input.progress,
            step: input.step,
            eta_ms: input.eta_ms.map(|Long(eta)| eta),
            log: input.log,
            lease_seconds: input.lease_seconds,
        };
        mutation(
            ctx,
            lease::heartbeat(engine(ctx), actor(ctx), beat)
                .await
                .map(Into::into),
        )
    }

    /// Ends a task with a result. One that does not look as the type demands is refused, and the lease
    /// stays.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What came out of the task.")] input: TaskCompleteInput,
    ) -> Result<TaskCompletePayload> {
        let ended = lease::complete(
            engine(ctx),
            actor(ctx),
            input.lease_id.uuid(),
            value(input.result),
        )
        .await;
        mutation(ctx, ended.map(Into::into))
    }

    /// Ends an attempt without a result.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_fail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Why it was not done.")] input: TaskFailInput,
    ) -> Result<TaskFailPayload> {
        let failure = lease::Failure {
            lease: input.lease_id.uuid(),
            retry: input.retryable,
            code: input.code,
            message: input.message,
            cancelled: input.cancelled,
        };
        mutation(
            ctx,
            lease::fail(engine(ctx), actor(ctx), failure)
                .await
                .map(Into::into),
        )
    }

    /// Tells a worker to take no more tasks. A worker says it of itself before it goes; an
    /// administrator may say it of any.
    #[graphql(directive = authenticated::apply(), tag = "worker")]
    async fn worker_drain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which worker.")] input: WorkerDrainInput,
    ) -> Result<WorkerDrainPayload> {
        let drained = worker::drain(engine(ctx), actor(ctx), input.worker_id).await;
        mutation(ctx, drained.map(|row| Worker { row, running: 0 }))
    }
}
