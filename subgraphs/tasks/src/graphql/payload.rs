//! What mutations answer.

use atelier_kit::{
    id::{AccessToken, Id},
    payload,
};

use super::{
    error::{TaskErrorCode, TaskUserError},
    grant::{TaskResultShape, WorkerGrant},
    queue::Queue,
    schedule::Schedule,
    task::Task,
    worker::{TaskLeaseState, TaskLeases, Worker},
};

payload!(
    /// What became of the task.
    pub struct TaskCancelPayload {
        /// The task as it is now; one that is being worked on is cancelled when its worker has stopped.
        task: Task,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the task.
    pub struct TaskRetryPayload {
        /// The task as it is now.
        task: Task,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the task.
    pub struct TaskPrioritySetPayload {
        /// The task as it is now.
        task: Task,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the dead letters.
    pub struct TasksDeadLetterReplayPayload {
        /// Those that are queued again, at most 1000.
        tasks: Vec<Task>,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the queue.
    pub struct QueuePausePayload {
        /// The queue as it is now.
        queue: Queue,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the queue.
    pub struct QueueResumePayload {
        /// The queue as it is now.
        queue: Queue,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the schedule.
    pub struct ScheduleUpsertPayload {
        /// The schedule as it is now.
        schedule: Schedule,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the schedule.
    pub struct ScheduleDeletePayload {
        /// The name of the schedule that is gone.
        deleted_name: String,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the grant.
    pub struct WorkerGrantSetPayload {
        /// The grant as it is now.
        grant: WorkerGrant,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the grant.
    pub struct WorkerGrantRemovePayload {
        /// The credential that is bound to nothing any more.
        access_token_id: Id<AccessToken>,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the declaration.
    pub struct TaskResultDeclarePayload {
        /// What results look like from now on.
        result: TaskResultShape,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the worker.
    pub struct WorkerRegisterPayload {
        /// The worker; its id goes with every lease.
        worker: Worker,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the worker.
    pub struct WorkerDrainPayload {
        /// The worker as it is now.
        worker: Worker,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What the worker was given.
    pub struct TaskLeasePayload {
        /// The leases.
        granted: TaskLeases,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the lease.
    pub struct TaskHeartbeatPayload {
        /// The lease as it is now.
        lease: TaskLeaseState,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the task.
    pub struct TaskCompletePayload {
        /// The task as it is now.
        task: WorkedTask,
    },
    TaskErrorCode,
    TaskUserError
);
payload!(
    /// What became of the task.
    pub struct TaskFailPayload {
        /// The task as it is now.
        task: WorkedTask,
    },
    TaskErrorCode,
    TaskUserError
);

/// A task as its worker sees it after its end.
#[derive(Debug, Clone, async_graphql::SimpleObject)]
pub struct WorkedTask {
    /// The task's id.
    pub id: atelier_kit::id::Id<atelier_kit::id::Task>,
    /// Where it stands now.
    pub status: super::input::TaskStatus,
    /// Which attempt it is at, from 1.
    pub attempt: i32,
    /// When the next attempt may start, if there is to be one.
    pub next_attempt_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<crate::db::TaskRow> for WorkedTask {
    fn from(row: crate::db::TaskRow) -> Self {
        Self {
            id: row.id,
            status: row.status.into(),
            attempt: row.attempt.into(),
            next_attempt_at: Some(row.run_at)
                .filter(|_| row.status == crate::engine::Status::Retrying),
        }
    }
}
