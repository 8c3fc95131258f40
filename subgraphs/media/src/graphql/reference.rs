//! Things that other domains own.

use async_graphql::SimpleObject;
use atelier_kit::id::{Id, Task, User};

/// A person or bot with an account.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "User", unresolvable = "id")]
pub struct UserReference {
    /// The id of the account.
    pub id: Id<User>,
}

/// A unit of background work.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Task", unresolvable = "id")]
pub struct TaskReference {
    /// The id of the task.
    pub id: Id<Task>,
}
