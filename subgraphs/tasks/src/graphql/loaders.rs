//! What resolvers load together. Each batch is one statement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::Context;
use atelier_kit::{
    actor::Actor,
    error::Error,
    graphql::scope,
    id::{Id, Task},
    loader::Batch,
};

use super::engine;
use crate::{
    app::task::may_see,
    db::{
        self, TaskRow,
        history::TypeRow,
        log::LogRow,
        task::{ChildCount, Place, StepRow},
    },
    engine::Engine,
};

/// Tasks that the caller may see, by id.
pub struct Tasks {
    engine: Engine,
    actor: Arc<Actor>,
}

impl Tasks {
    pub fn new(ctx: &Context<'_>) -> Self {
        Self {
            engine: engine(ctx).clone(),
            actor: Arc::clone(&scope(ctx).actor),
        }
    }
}

impl Batch for Tasks {
    type Key = Id<Task>;
    type Value = Arc<TaskRow>;

    async fn load(&self, keys: Vec<Id<Task>>) -> Result<HashMap<Id<Task>, Arc<TaskRow>>, Error> {
        let mut connection = self.engine.deps().db.read().await?;
        let rows = db::task::by_ids(&mut connection, &keys).await?;
        Ok(rows
            .into_iter()
            .filter(|row| may_see(&self.actor, row))
            .map(|row| (row.id, Arc::new(row)))
            .collect())
    }
}

macro_rules! batch {
    ($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, |$connection:ident, $keys:ident| $load:expr, |$rows:ident| $collect:expr) => {
        $(#[$doc])*
        pub struct $name(Engine);

        impl $name {
            pub fn new(ctx: &Context<'_>) -> Self {
                Self(engine(ctx).clone())
            }
        }

        impl Batch for $name {
            type Key = $key;
            type Value = $value;

            async fn load(&self, $keys: Vec<$key>) -> Result<HashMap<$key, $value>, Error> {
                let mut guard = self.0.deps().db.read().await?;
                let $connection = &mut guard;
                let $rows = $load.await?;
                Ok($collect)
            }
        }
    };
}

fn grouped<K: std::hash::Hash + Eq, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}

batch!(
    /// The steps of tasks.
    Steps: Id<Task> => Vec<StepRow>,
    |connection, keys| db::task::steps(connection, &keys),
    |rows| grouped(rows, |row: &StepRow| row.task)
);
batch!(
    /// The children of tasks, counted by state.
    ChildCounts: Id<Task> => Vec<ChildCount>,
    |connection, keys| db::task::child_counts(connection, &keys),
    |rows| grouped(rows, |row: &ChildCount| row.parent)
);
batch!(
    /// Where waiting tasks stand in their queues.
    Places: Id<Task> => Place,
    |connection, keys| db::task::places(connection, &keys),
    |rows| rows.into_iter().map(|row| (row.id, row)).collect()
);
batch!(
    /// How long tasks of a type take.
    Types: String => TypeRow,
    |connection, keys| db::history::list(connection, Some(&keys)),
    |rows| rows.into_iter().map(|row| (row.name.clone(), row)).collect()
);

/// The last lines of logs; the key has how many are wanted.
pub struct LogTails(Engine);

impl LogTails {
    pub fn new(ctx: &Context<'_>) -> Self {
        Self(engine(ctx).clone())
    }
}

impl Batch for LogTails {
    type Key = (Id<Task>, i32);
    type Value = Vec<LogRow>;

    async fn load(
        &self,
        keys: Vec<(Id<Task>, i32)>,
    ) -> Result<HashMap<(Id<Task>, i32), Vec<LogRow>>, Error> {
        let most = keys.iter().map(|(_, tail)| *tail).max().unwrap_or(0);
        let tasks: Vec<_> = keys.iter().map(|(task, _)| *task).collect();
        let mut connection = self.0.deps().db.read().await?;
        let groups = grouped(
            db::log::tails(&mut connection, &tasks, most).await?,
            |row: &LogRow| row.task,
        );
        let tail = |(task, tail): (Id<Task>, i32)| {
            let lines = groups.get(&task)?;
            let from = lines
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(0));
            Some(((task, tail), lines[from..].to_vec()))
        };
        Ok(keys.into_iter().filter_map(tail).collect())
    }
}
