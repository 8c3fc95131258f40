//! Tasks as people see and steer them.

pub mod change;
pub mod event;
pub mod progress;

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    actor::{Actor, Identity},
    error::{Error, ErrorCode, Fail},
    id::{Id, Task, User},
    loader::Batch,
    page::{Page, PageArgs, PageRequest},
    transaction::ReadConnection,
};

use super::{ADMIN, grouped};
use crate::{
    db::{
        self, TaskRow,
        task::{ChildCount, Filter, Place},
    },
    engine::Engine,
    error::{Outcome, TaskErrorCode},
};

/// Whether somebody may know of a task: its owner, who holds the scope for it, and parts of the
/// system. Every way to a task asks here.
pub fn may_see(actor: &Actor, task: &TaskRow) -> bool {
    let owns = actor.user_id().is_some() && actor.user_id() == task.owner;
    owns || sees_all(actor)
}

/// Whether somebody may know of every task.
pub fn sees_all(actor: &Actor) -> bool {
    actor.has_scope(ADMIN) || matches!(actor.identity, Identity::Service { .. })
}

/// Refuses those who are nobody; what the others may see depends on the task.
fn require_identity(actor: &Actor) -> Result<(), Error> {
    match actor.identity {
        Identity::Anonymous if !sees_all(actor) => Err(Error::new(ErrorCode::Unauthenticated)),
        _ => Ok(()),
    }
}

/// A page of the caller's own tasks, newest first.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody.
pub async fn list_own(
    engine: &Engine,
    actor: &Actor,
    filter: Filter,
    page: &PageArgs,
) -> Result<Page<TaskRow>, Error> {
    let owner = Some(actor.require_user()?);
    list(engine, Filter { owner, ..filter }, page).await
}

/// A page of everybody's tasks, or of one user's, newest first.
///
/// # Errors
/// `UNAUTHENTICATED` or `FORBIDDEN` without the scope.
pub async fn list_all(
    engine: &Engine,
    actor: &Actor,
    owner: Option<Id<User>>,
    filter: Filter,
    page: &PageArgs,
) -> Result<Page<TaskRow>, Error> {
    if !sees_all(actor) {
        actor.require_scope(ADMIN)?;
    }
    list(engine, Filter { owner, ..filter }, page).await
}

/// A page of the children of a task, newest first: those that the caller may see, as they may belong
/// to others than their parent.
///
/// # Errors
/// `UNAVAILABLE` if the database does not answer.
pub async fn list_children(
    engine: &Engine,
    actor: &Actor,
    parent: Id<Task>,
    filter: Filter,
    page: &PageArgs,
) -> Result<Page<TaskRow>, Error> {
    let owner = if sees_all(actor) {
        None
    } else {
        Some(actor.require_user()?)
    };
    let parent = Some(parent);
    let filter = Filter {
        owner,
        parent,
        ..filter
    };
    list(engine, filter, page).await
}

async fn list(engine: &Engine, filter: Filter, page: &PageArgs) -> Result<Page<TaskRow>, Error> {
    let rows = async |connection: &mut ReadConnection, page: &PageRequest<Id<Task>>| {
        Ok(db::task::page(connection, &filter, page).await?)
    };
    let count =
        async |connection: &mut ReadConnection| Ok(db::task::count(connection, &filter).await?);
    page.fetch(engine.deps(), rows, count).await
}

async fn find(engine: &Engine, id: Id<Task>) -> Outcome<TaskRow> {
    let mut connection = engine.deps().read().await?;
    db::task::find(&mut connection, id)
        .await?
        .ok_or_else(|| Fail::refused(TaskErrorCode::NotFound, "input.id"))
}

/// The task, if it exists and the caller may know.
async fn find_visible(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    require_identity(actor)?;
    let task = find(engine, id).await?;
    if may_see(actor, &task) {
        Ok(task)
    } else {
        Err(Fail::refused(TaskErrorCode::NotFound, "input.id"))
    }
}

/// Tasks that the caller may see, by id.
pub struct Tasks {
    /// Where they are.
    pub engine: Engine,
    /// The caller.
    pub actor: Arc<Actor>,
}

impl Batch for Tasks {
    type Key = Id<Task>;
    type Value = Arc<TaskRow>;

    async fn load(&self, keys: Vec<Id<Task>>) -> Result<HashMap<Id<Task>, Arc<TaskRow>>, Error> {
        let mut connection = self.engine.deps().read().await?;
        let rows = db::task::by_ids(&mut connection, &keys).await?;
        Ok(rows
            .into_iter()
            .filter(|row| may_see(&self.actor, row))
            .map(|row| (row.id, Arc::new(row)))
            .collect())
    }
}

loader!(
    /// The children of tasks, counted by state.
    ChildCounts: Id<Task> => Vec<ChildCount>,
    |connection, keys| db::task::child_counts(connection, &keys),
    |rows| grouped(rows, |row: &ChildCount| row.parent)
);
loader!(
    /// Where waiting tasks stand in their queues.
    Places: Id<Task> => Place,
    |connection, keys| db::task::places(connection, &keys),
    |rows| rows.into_iter().map(|row| (row.id, row)).collect()
);
