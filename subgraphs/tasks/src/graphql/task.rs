//! Tasks.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Json, Object, Result, SimpleObject};
use atelier_kit::{
    error::{Error, ErrorCode},
    graphql::{Long, directive::authenticated, load},
    id::{Id, Task as TaskEntity, User},
    page::{Connection, Cursor, PageArgs, wants_total},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    engine,
    input::{TaskStatus, TaskWhere},
    load_task,
    loaders::{ChildCounts, LogTails, Places, Steps, Types},
};
use crate::{
    app,
    db::{TaskRow, task::Filter},
    engine::Status,
};

/// A person or bot with an account.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "User", unresolvable = "id")]
pub struct UserReference {
    /// The id of the account.
    pub id: Id<User>,
}

/// A unit of background work.
#[derive(Clone)]
pub struct Task(pub Arc<TaskRow>);

/// Where a step of a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
pub enum TaskStepStatus {
    /// It is still to come.
    Pending,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// The task ended in it without success.
    Failed,
}

/// A part of a task's work.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskStep {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: TaskStepStatus,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
}

/// How many parts of a task are in which state.
#[derive(Debug, Clone, Copy, Default, SimpleObject)]
pub struct TaskCounts {
    /// All of them.
    pub total: i32,
    /// Those that wait: for their time, for a worker, for another attempt.
    pub waiting: i32,
    /// Those that are being worked on.
    pub running: i32,
    /// Those that are done.
    pub succeeded: i32,
    /// Those that are done except for some of their own parts.
    pub partially_succeeded: i32,
    /// Those that failed for good.
    pub failed: i32,
    /// Those that were cancelled.
    pub cancelled: i32,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct TaskError {
    /// Stable code to match on.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// Which attempt it was, from 1.
    pub attempt: Option<i32>,
    /// When.
    pub occurred_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    pub status: Status,
}

#[ComplexObject]
impl TaskError {
    /// Whether there will be another attempt, or is one already.
    async fn retrying(&self) -> bool {
        !self.status.is_final()
    }
}

/// A line that a worker wrote about a task.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLog {
    /// When.
    pub at: DateTime<Utc>,
    /// In which attempt, from 1.
    pub attempt: i32,
    /// What it wrote.
    pub line: String,
}

/// The most log lines that are given at once.
const MOST_LINES: i32 = 1000;

/// A unit of background work: where it stands, how far it is, what came out of it. Only its owner and
/// administrators know of it.
#[Object(directive = authenticated::apply())]
impl Task {
    /// The task's id.
    pub async fn id(&self) -> Id<TaskEntity> {
        self.0.id
    }

    /// What kind of work it is: `media.derive_images`.
    #[graphql(name = "type")]
    async fn task_type(&self) -> &str {
        &self.0.task_type
    }

    /// The queue it waits in.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// Where it stands.
    async fn status(&self) -> TaskStatus {
        self.0.status.into()
    }

    /// How much is done, from 0 to 1.
    async fn progress(&self) -> f64 {
        self.0.progress
    }

    /// The step it is in.
    async fn current_step(&self) -> Option<&str> {
        self.0.current_step.as_deref()
    }

    /// The parts of its work, in order, as far as they are known; at most 200.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<TaskStep>> {
        let rows = load(ctx, || Steps::new(ctx), self.0.id)
            .await?
            .unwrap_or_default();
        let status = |current: bool, started: bool, finished: bool| match (
            self.0.status,
            current,
            started,
            finished,
        ) {
            (Status::Succeeded | Status::PartiallySucceeded, _, true, _) | (_, _, _, true) => {
                TaskStepStatus::Done
            }
            (Status::Failed | Status::Cancelled, true, true, _) => TaskStepStatus::Failed,
            (Status::Running, true, true, _) => TaskStepStatus::Running,
            // It began, and the task is in another one since.
            (_, false, true, _) => TaskStepStatus::Done,
            _ => TaskStepStatus::Pending,
        };
        let step = |row: crate::db::task::StepRow| TaskStep {
            status: status(
                self.0.current_step.as_ref() == Some(&row.name),
                row.started_at.is_some(),
                row.finished_at.is_some(),
            ),
            name: row.name,
            started_at: row.started_at,
            finished_at: row
                .finished_at
                .or(self.0.finished_at.filter(|_| row.started_at.is_some())),
        };
        Ok(rows.into_iter().map(step).collect())
    }

    /// Higher goes first; 0 is normal.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// Which attempt it is at, from 1; 0 before the first one.
    async fn attempt(&self) -> i32 {
        self.0.attempt.into()
    }

    /// Attempts before it has failed for good.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts.into()
    }

    /// For whom it is done.
    async fn owner(&self) -> Option<UserReference> {
        self.0.owner.map(|id| UserReference { id })
    }

    /// The id of the thing it is about.
    async fn subject_id(&self) -> Option<ID> {
        self.0.subject.clone().map(ID)
    }

    /// The task it is a part of; null if there is none that the caller may see.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        match self.0.parent {
            Some(parent) => load_task(ctx, parent).await,
            None => Ok(None),
        }
    }

    /// Its parts, newest first.
    async fn children(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which of them are wanted.")] filter: Option<TaskWhere>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Connection<Task>> {
        // Parts may belong to others than the whole: the caller sees those that they may see.
        let actor = atelier_kit::graphql::actor(ctx);
        let mut filter = Filter {
            parent: Some(self.0.id),
            ..Filter::from(filter)
        };
        if !app::task::sees_all(actor) {
            filter.owner = actor.user_id();
        }
        connection(
            ctx,
            filter,
            PageArgs {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// How many parts it has in which state.
    async fn child_counts(&self, ctx: &Context<'_>) -> Result<TaskCounts> {
        if self.0.children_total == 0 {
            return Ok(TaskCounts::default());
        }
        let rows = load(ctx, || ChildCounts::new(ctx), self.0.id)
            .await?
            .unwrap_or_default();
        let mut counts = TaskCounts::default();
        for row in rows {
            let count = i32::try_from(row.count).unwrap_or(i32::MAX);
            counts.total += count;
            *match row.status {
                Status::Scheduled | Status::Queued | Status::Retrying => &mut counts.waiting,
                Status::Running => &mut counts.running,
                Status::Succeeded => &mut counts.succeeded,
                Status::PartiallySucceeded => &mut counts.partially_succeeded,
                Status::Failed => &mut counts.failed,
                Status::Cancelled => &mut counts.cancelled,
            } += count;
        }
        Ok(counts)
    }

    /// What its worker is told.
    async fn input(&self) -> Option<Json<&Value>> {
        Some(&self.0.payload)
            .filter(|payload| !payload.is_null())
            .map(Json)
    }

    /// What came out of it.
    async fn result(&self) -> Option<Json<&Value>> {
        self.0
            .result
            .as_ref()
            .filter(|result| !result.is_null())
            .map(Json)
    }

    /// Why the last attempt that did not succeed did not.
    async fn error(&self) -> Option<TaskError> {
        let row = &self.0;
        Some(TaskError {
            code: row.error_code.clone()?,
            message: row.error_message.clone().unwrap_or_default(),
            attempt: row.error_attempt.map(Into::into),
            occurred_at: row.error_at,
            status: row.status,
        })
    }

    /// What is probably left until it is done, in milliseconds: by the worker's word, or by its
    /// progress and by how long tasks of its type took before. Null when nothing can be said.
    async fn estimated_remaining_ms(&self, ctx: &Context<'_>) -> Result<Option<Long>> {
        let row = &self.0;
        if row.status.is_final() {
            return Ok(None);
        }
        let now = engine(ctx).deps().clock.now();
        if let (Status::Running, Some(eta), Some(at)) = (row.status, row.eta_ms, row.eta_at) {
            return Ok(Some(Long((eta - (now - at).num_milliseconds()).max(0))));
        }
        let history = load(ctx, || Types::new(ctx), row.task_type.clone())
            .await?
            .map(|history| history.median_ms);
        let place = match row.status {
            Status::Queued => load(ctx, || Places::new(ctx), row.id).await?,
            _ => None,
        };
        Ok(app::estimate::remaining_ms(row, history, place.as_ref(), now).map(Long))
    }

    /// How many tasks go before it, plus one; null unless it waits for a worker. Counted up to 1000.
    async fn position(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        if self.0.status != Status::Queued {
            return Ok(None);
        }
        let place = load(ctx, || Places::new(ctx), self.0.id).await?;
        Ok(place.and_then(|place| i32::try_from(place.ahead + 1).ok()))
    }

    /// Whether somebody wants it cancelled; it is, as soon as its worker has stopped.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_requested_at.is_some()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Not before this time does it start (again); null unless it waits for it.
    async fn scheduled_at(&self) -> Option<DateTime<Utc>> {
        Some(self.0.run_at)
            .filter(|_| matches!(self.0.status, Status::Scheduled | Status::Retrying))
    }

    /// When its last attempt began.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The last lines that its workers wrote, oldest first.
    async fn logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many lines, at most 1000.", default = 50)] tail: i32,
    ) -> Result<Vec<TaskLog>> {
        if !(0..=MOST_LINES).contains(&tail) {
            return Err(
                Error::with_detail(ErrorCode::BadUserInput, "Between 0 and 1000 lines.").into(),
            );
        }
        let rows = load(ctx, || LogTails::new(ctx), (self.0.id, tail))
            .await?
            .unwrap_or_default();
        Ok(rows
            .into_iter()
            .map(|row| TaskLog {
                at: row.at,
                attempt: row.attempt.into(),
                line: row.line,
            })
            .collect())
    }
}

/// A page of tasks, for a filter that the caller may use.
pub async fn connection(
    ctx: &Context<'_>,
    filter: Filter,
    args: PageArgs,
) -> Result<Connection<Task>> {
    const LIST: &str = "tasks";
    let engine = engine(ctx);
    let sealer = &engine.deps().cursors;
    let request = args.open(LIST, sealer)?;
    let (rows, total) = app::task::list(engine, &filter, &request, wants_total(ctx)).await?;
    let nodes = rows.into_iter().map(|row| Task(Arc::new(row))).collect();
    Ok(Connection::build(&request, nodes, sealer, LIST, |node| node.0.id).with_total(total))
}
