//! The steps of tasks.

use atelier_kit::id::{Id, Task};

use super::grouped;
use crate::db::{self, task::StepRow};

loader!(
    /// The steps of tasks, in order.
    Steps: Id<Task> => Vec<StepRow>,
    |connection, keys| db::task::steps(connection, &keys),
    |rows| grouped(rows, |row: &StepRow| row.task)
);
