//! Tasks.

pub mod change;
pub mod event;

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, InputObject, Json, Result, SimpleObject};
use atelier_contracts::{stub::User, tasks::TaskStatus};
use atelier_kit::{
    error::{Error, ErrorCode},
    graphql::{Long, actor, directive::authenticated, load, scope},
    id::{self, Id},
    page::{Connection, PageArgs},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{engine, log::TaskLog, step::TaskStep};
use crate::{
    app::{
        self,
        log::LogTails,
        step::Steps,
        task::{ChildCounts, Places, Tasks},
        task_type::Types,
    },
    db::{
        TaskRow,
        task::{ChildCount, Filter},
    },
};

/// The most log lines that are given at once.
const MOST_LINES: i32 = 1000;

/// A task, as the schema shows it.
#[derive(Clone)]
pub struct Task(Arc<TaskRow>);

impl From<TaskRow> for Task {
    fn from(row: TaskRow) -> Self {
        Self(Arc::new(row))
    }
}

/// A task that the caller may see.
async fn load_task(ctx: &Context<'_>, id: Id<id::Task>) -> Result<Option<Task>> {
    let tasks = || Tasks {
        engine: engine(ctx).clone(),
        actor: Arc::clone(&scope(ctx).actor),
    };
    Ok(load(ctx, tasks, id).await?.map(Task))
}

/// The tasks to return: those that match every given field.
#[derive(Debug, Clone, Default, InputObject)]
pub struct TaskWhere {
    /// The state is one of these.
    #[graphql(validator(max_items = 8))]
    status: Option<Vec<TaskStatus>>,
    /// The type is one of these, at most 50.
    #[graphql(name = "type", validator(max_items = 50, list, max_length = 100))]
    task_type: Option<Vec<String>>,
    /// The queue is this one.
    #[graphql(validator(max_length = 100))]
    queue: Option<String>,
    /// The task is about the entity with this id.
    #[graphql(validator(max_length = 200))]
    subject: Option<String>,
}

impl From<Option<TaskWhere>> for Filter {
    fn from(filter: Option<TaskWhere>) -> Self {
        let filter = filter.unwrap_or_default();
        Self {
            statuses: filter.status.unwrap_or_default(),
            types: filter.task_type.unwrap_or_default(),
            queue: filter.queue,
            subject: filter.subject,
            ..Self::default()
        }
    }
}

/// The number of a task's children in each state.
#[derive(Debug, Clone, Copy, Default, SimpleObject)]
pub struct TaskCounts {
    /// The number of all children.
    pub total: i32,
    /// The number of children that wait for their start time, a worker or another attempt.
    pub waiting: i32,
    /// The number of running children.
    pub running: i32,
    /// The number of children that succeeded.
    pub succeeded: i32,
    /// The number of children that succeeded except for some of their own children.
    pub partially_succeeded: i32,
    /// The number of children that failed.
    pub failed: i32,
    /// The number of cancelled children.
    pub cancelled: i32,
}

impl TaskCounts {
    fn of(rows: Vec<ChildCount>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            let count = i32::try_from(row.count).unwrap_or(i32::MAX);
            counts.total += count;
            *match row.status {
                TaskStatus::Scheduled | TaskStatus::Queued | TaskStatus::Retrying => {
                    &mut counts.waiting
                }
                TaskStatus::Running => &mut counts.running,
                TaskStatus::Succeeded => &mut counts.succeeded,
                TaskStatus::PartiallySucceeded => &mut counts.partially_succeeded,
                TaskStatus::Failed => &mut counts.failed,
                TaskStatus::Cancelled => &mut counts.cancelled,
            } += count;
        }
        counts
    }
}

/// The reason why an attempt did not succeed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct TaskError {
    /// The stable code of the error.
    pub code: String,
    /// The description of the error.
    pub message: String,
    /// The number of the attempt, counted from 1.
    pub attempt: Option<i32>,
    /// The time when the attempt ended.
    pub occurred_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    status: TaskStatus,
}

#[ComplexObject]
impl TaskError {
    /// Whether there is or will be another attempt.
    async fn retrying(&self) -> bool {
        !self.status.is_final()
    }
}

/// A unit of background work. Only its owner and administrators can see it.
#[atelier_kit::object(directive = authenticated::apply())]
impl Task {
    /// The id of the task.
    async fn id(&self) -> Id<id::Task> {
        self.0.id
    }

    /// The type of the task, such as `media.derive_images`.
    #[graphql(name = "type")]
    async fn task_type(&self) -> &str {
        &self.0.task_type
    }

    /// The queue that the task waits in.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// The state of the task.
    async fn status(&self) -> TaskStatus {
        self.0.status
    }

    /// The part of the task that is done, from 0 to 1.
    async fn progress(&self) -> f64 {
        self.0.progress
    }

    /// The step that the task is in.
    async fn current_step(&self) -> Option<&str> {
        self.0.current_step.as_deref()
    }

    /// The known steps of the task, in order; at most 200.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<TaskStep>> {
        let rows = load(ctx, || Steps(engine(ctx).clone()), self.0.id).await?;
        let rows = rows.unwrap_or_default().into_iter();
        Ok(rows.map(|row| TaskStep::of(&self.0, row)).collect())
    }

    /// The priority of the task, from -100 to 100. Tasks with a higher priority start first; 0 is
    /// normal.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// The number of the current or last attempt, counted from 1; 0 before the first attempt.
    async fn attempt(&self) -> i32 {
        self.0.attempt.into()
    }

    /// The number of attempts after which the task has failed.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts.into()
    }

    /// The user for whom the task is done; null if it belongs to nobody.
    async fn owner(&self) -> Option<User> {
        self.0.owner.map(|id| User { id })
    }

    /// The id of the entity that the task is about.
    async fn subject_id(&self) -> Option<ID> {
        self.0.subject.clone().map(ID)
    }

    /// The task that this one is a part of; null if there is none that the caller may see.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        match self.0.parent {
            Some(parent) => load_task(ctx, parent).await,
            None => Ok(None),
        }
    }

    /// The tasks that are parts of this one and that the caller may see, newest first.
    async fn children(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Returns only tasks that match.")] filter: Option<
            TaskWhere,
        >,
        page: PageArgs,
    ) -> Result<Connection<Task>> {
        let (engine, actor) = (engine(ctx), actor(ctx));
        let rows = app::task::list_children(engine, actor, self.0.id, filter.into(), &page).await?;
        Ok(rows.connection(Task::from))
    }

    /// The number of its children in each state.
    async fn child_counts(&self, ctx: &Context<'_>) -> Result<TaskCounts> {
        if self.0.children_total == 0 {
            return Ok(TaskCounts::default());
        }
        let rows = load(ctx, || ChildCounts(engine(ctx).clone()), self.0.id).await?;
        Ok(TaskCounts::of(rows.unwrap_or_default()))
    }

    /// The input of the task, which its worker gets; null if it has none.
    async fn input(&self) -> Option<Json<&Value>> {
        let input = Some(&self.0.payload);
        input.filter(|input| !input.is_null()).map(Json)
    }

    /// The result of the task; null until it succeeds.
    async fn result(&self) -> Option<Json<&Value>> {
        let result = self.0.result.as_ref();
        result.filter(|result| !result.is_null()).map(Json)
    }

    /// The error of the last attempt that did not succeed.
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

    /// The estimated time until the task is done, in milliseconds: the worker's own estimate, or one made
    /// from the progress and the duration of earlier tasks of the type. Null if there is no basis for
    /// an estimate, and once the task has ended.
    async fn estimated_remaining_ms(&self, ctx: &Context<'_>) -> Result<Option<Long>> {
        let row = &self.0;
        if row.status.is_final() {
            return Ok(None);
        }
        let now = engine(ctx).now();
        if let (TaskStatus::Running, Some(eta), Some(at)) = (row.status, row.eta_ms, row.eta_at) {
            return Ok(Some(Long((eta - (now - at).num_milliseconds()).max(0))));
        }
        let types = || Types(engine(ctx).clone());
        let median = load(ctx, types, row.task_type.clone())
            .await?
            .map(|history| history.median_ms);
        let place = match row.status {
            TaskStatus::Queued => load(ctx, || Places(engine(ctx).clone()), row.id).await?,
            _ => None,
        };
        Ok(app::estimate::remaining_ms(row, median, place.as_ref(), now).map(Long))
    }

    /// The position of the task in its queue, counted from 1; null unless it waits for a worker. Not
    /// counted beyond about 2000.
    async fn position(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        if self.0.status != TaskStatus::Queued {
            return Ok(None);
        }
        let place = load(ctx, || Places(engine(ctx).clone()), self.0.id).await?;
        Ok(place.and_then(|place| i32::try_from(place.ahead + 1).ok()))
    }

    /// Whether the task is to be cancelled. It is cancelled as soon as its worker has stopped.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_requested_at.is_some()
    }

    /// The time when the task was enqueued.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The earliest time when the first or next attempt may start; null unless the task waits for it.
    async fn scheduled_at(&self) -> Option<DateTime<Utc>> {
        let waits = matches!(self.0.status, TaskStatus::Scheduled | TaskStatus::Retrying);
        waits.then_some(self.0.run_at)
    }

    /// The time when the last attempt started.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// The time when the task ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The last lines of the task's log, oldest first.
    async fn logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns at most this many lines from the end of the log, from 0 to 1000.",
            default = 50
        )]
        tail: i32,
    ) -> Result<Vec<TaskLog>> {
        if !(0..=MOST_LINES).contains(&tail) {
            let detail = "Between 0 and 1000 lines.";
            return Err(Error::with_detail(ErrorCode::BadUserInput, detail).into());
        }
        let rows = load(ctx, || LogTails(engine(ctx).clone()), (self.0.id, tail)).await?;
        Ok(rows
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect())
    }
}

/// How tasks are found.
#[derive(Default)]
pub struct TaskQuery;

#[atelier_kit::object]
impl TaskQuery {
    /// Returns a task; null if there is none with this id that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the task.")] id: Id<id::Task>,
    ) -> Result<Option<Task>> {
        load_task(ctx, id).await
    }

    /// The tasks of all users and of none, newest first.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Returns only tasks that match.")] filter: Option<
            TaskWhere,
        >,
        #[graphql(desc = "Returns only tasks of this user.")] owner_id: Option<Id<id::User>>,
        page: PageArgs,
    ) -> Result<Connection<Task>> {
        let (engine, actor) = (engine(ctx), actor(ctx));
        let rows = app::task::list_all(engine, actor, owner_id, filter.into(), &page).await?;
        Ok(rows.connection(Task::from))
    }

    /// A task by its key, for the router.
    #[graphql(entity)]
    async fn find_task_by_id(&self, ctx: &Context<'_>, id: Id<id::Task>) -> Result<Option<Task>> {
        load_task(ctx, id).await
    }
}
