//! What workers wrote about tasks.

use std::collections::HashMap;

use atelier_kit::{
    error::Error,
    id::{Id, Task},
    loader::Batch,
};

use super::grouped;
use crate::{
    db::{self, log::LogRow},
    engine::Engine,
};

/// The last lines of tasks' logs, oldest first; the key holds how many lines are wanted.
pub struct LogTails(pub Engine);

impl Batch for LogTails {
    type Key = (Id<Task>, i32);
    type Value = Vec<LogRow>;

    async fn load(
        &self,
        keys: Vec<(Id<Task>, i32)>,
    ) -> Result<HashMap<(Id<Task>, i32), Vec<LogRow>>, Error> {
        let most = keys.iter().map(|(_, tail)| *tail).max().unwrap_or(0);
        let tasks: Vec<_> = keys.iter().map(|(task, _)| *task).collect();
        let mut connection = self.0.deps().read().await?;
        let rows = db::log::tails(&mut connection, &tasks, most).await?;
        let groups = grouped(rows, |row| row.task);
        let tail = |(task, tail): (Id<Task>, i32)| {
            let lines = groups.get(&task)?;
            let skipped = lines
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(0));
            Some(((task, tail), lines[skipped..].to_vec()))
        };
        Ok(keys.into_iter().filter_map(tail).collect())
    }
}
