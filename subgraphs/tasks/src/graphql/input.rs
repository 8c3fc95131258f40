//! Which tasks are wanted.

use async_graphql::{Enum, InputObject};

use crate::{db::task::Filter, engine::Status};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Status")]
pub enum TaskStatus {
    /// It waits for its time.
    Scheduled,
    /// It waits for a worker.
    Queued,
    /// It is being worked on, or waits for its parts.
    Running,
    /// An attempt failed; it waits for the next one.
    Retrying,
    /// It is done.
    Succeeded,
    /// It is done, but some of its parts failed.
    PartiallySucceeded,
    /// It failed for good: a dead letter, until somebody replays it.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

/// Which tasks are wanted; everything that is given must be true of them.
#[derive(Debug, Clone, Default, InputObject)]
pub struct TaskWhere {
    /// In one of these states.
    #[graphql(validator(max_items = 8))]
    pub status: Option<Vec<TaskStatus>>,
    /// Of one of these types.
    #[graphql(name = "type", validator(max_items = 50, list, max_length = 100))]
    pub task_type: Option<Vec<String>>,
    /// In this queue.
    #[graphql(validator(max_length = 100))]
    pub queue: Option<String>,
    /// About the thing with this id.
    #[graphql(validator(max_length = 200))]
    pub subject: Option<String>,
}

impl From<Option<TaskWhere>> for Filter {
    fn from(filter: Option<TaskWhere>) -> Self {
        let filter = filter.unwrap_or_default();
        Self {
            statuses: filter
                .status
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect(),
            types: filter.task_type.unwrap_or_default(),
            queue: filter.queue,
            subject: filter.subject,
            ..Self::default()
        }
    }
}
