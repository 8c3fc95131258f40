//! The steps of tasks.

use async_graphql::{Enum, SimpleObject};
use atelier_contracts::tasks::TaskStatus;
use chrono::{DateTime, Utc};

use crate::db::{TaskRow, task::StepRow};

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TaskStepStatus {
    /// It has not started.
    Pending,
    /// The task is in this step.
    Running,
    /// It is done.
    Done,
    /// The task failed or was cancelled in this step.
    Failed,
}

/// A step of a task's work.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskStep {
    /// The name of the step.
    pub name: String,
    /// The state of the step.
    pub status: TaskStepStatus,
    /// The time when the step started.
    pub started_at: Option<DateTime<Utc>>,
    /// The time when the step ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl TaskStep {
    /// A step of `task`.
    pub fn of(task: &TaskRow, row: StepRow) -> Self {
        let started = row.started_at.is_some();
        Self {
            status: status(task, &row),
            name: row.name,
            started_at: row.started_at,
            finished_at: row.finished_at.or(task.finished_at.filter(|_| started)),
        }
    }
}

fn status(task: &TaskRow, step: &StepRow) -> TaskStepStatus {
    let current = task.current_step.as_ref() == Some(&step.name);
    match task.status {
        _ if step.finished_at.is_some() => TaskStepStatus::Done,
        _ if step.started_at.is_none() => TaskStepStatus::Pending,
        TaskStatus::Succeeded | TaskStatus::PartiallySucceeded => TaskStepStatus::Done,
        TaskStatus::Failed | TaskStatus::Cancelled if current => TaskStepStatus::Failed,
        TaskStatus::Running if current => TaskStepStatus::Running,
        // It started, and the task has moved on to another one.
        _ if !current => TaskStepStatus::Done,
        _ => TaskStepStatus::Pending,
    }
}
