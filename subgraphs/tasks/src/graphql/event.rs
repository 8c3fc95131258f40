//! What happens to tasks.

use async_graphql::{ComplexObject, Context, Result, SimpleObject, Union};
use atelier_kit::{
    graphql::Long,
    id::{Id, Task as TaskEntity},
    page::Cursor,
};
use chrono::{DateTime, Utc};

use super::{input::TaskStatus, load_task, task::Task};

/// Something that happened to a task.
#[derive(Union)]
pub enum TaskEvent {
    /// A task is further than before.
    Progressed(TaskProgressed),
    /// A task came to another state.
    Changed(TaskStateChanged),
    /// Events are missing.
    Resync(ResyncRequired),
}

/// How far a task was at some time.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct TaskProgressed {
    /// Where the event stands; give it as `after` to resume behind it.
    pub cursor: Cursor,
    /// When it was so.
    pub occurred_at: DateTime<Utc>,
    /// Which task.
    pub task_id: Id<TaskEntity>,
    /// Where it stood.
    pub status: TaskStatus,
    /// How much was done, from 0 to 1.
    pub progress: f64,
    /// The step it was in.
    pub current_step: Option<String>,
    /// What its worker thought was left, in milliseconds.
    pub estimated_remaining_ms: Option<Long>,
    /// The attempt it was at, from 1.
    pub attempt: i32,
}

#[ComplexObject]
impl TaskProgressed {
    /// The task as it is now; null if it is gone.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        load_task(ctx, self.task_id).await
    }
}

/// A task came to another state.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct TaskStateChanged {
    /// Where the event stands; give it as `after` to resume behind it.
    pub cursor: Cursor,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Which task.
    pub task_id: Id<TaskEntity>,
    /// The state it came to.
    pub status: TaskStatus,
    /// The attempt it was at, from 1; 0 before the first one.
    pub attempt: i32,
}

#[ComplexObject]
impl TaskStateChanged {
    /// The task as it is now; null if it is gone.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        load_task(ctx, self.task_id).await
    }
}

/// Events are missing here: read the state anew and subscribe again without `after`.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct ResyncRequired {
    /// When this was found out.
    pub occurred_at: DateTime<Utc>,
}
