//! Types of tasks.

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_kit::graphql::{Long, actor};

use super::engine;
use crate::{app, db::task_type::TypeRow};

/// Statistics about a type of task, from its successful tasks of the last seven days.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskType {
    /// The name of the type.
    pub name: String,
    /// The queue of its tasks.
    pub queue: String,
    /// The number of tasks that the statistics are based on.
    pub samples: i32,
    /// The median duration of its tasks, in milliseconds.
    pub median_ms: Long,
    /// The 95th percentile of the duration of its tasks, in milliseconds.
    pub p95_ms: Long,
}

impl From<TypeRow> for TaskType {
    fn from(row: TypeRow) -> Self {
        Self {
            name: row.name,
            queue: row.queue,
            samples: row.samples,
            median_ms: row.median_ms.into(),
            p95_ms: row.p95_ms.into(),
        }
    }
}

/// How types of tasks are found.
#[derive(Default)]
pub struct TaskTypeQuery;

#[Object]
impl TaskTypeQuery {
    /// The types of which tasks have succeeded, sorted by name; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_types(&self, ctx: &Context<'_>) -> Result<Vec<TaskType>> {
        let rows = app::task_type::list(engine(ctx), actor(ctx)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
