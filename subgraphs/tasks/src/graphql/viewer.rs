//! What a caller has of their own.

use async_graphql::{Context, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated},
    id::{Id, User},
    page::{Connection, Cursor, PageArgs},
};

use super::{
    input::TaskWhere,
    task::{self, Task},
};
use crate::app;

/// The caller.
pub struct Viewer {
    pub id: Id<User>,
}

/// The signed-in caller, and what only they may see.
#[Object(directive = authenticated::apply())]
impl Viewer {
    /// The id of the caller's account.
    async fn id(&self) -> Id<User> {
        self.id
    }

    /// The caller's tasks, newest first.
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which tasks are wanted.")] filter: Option<TaskWhere>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Option<Connection<Task>>> {
        let filter = app::task::own(actor(ctx), filter.into())?;
        task::connection(
            ctx,
            filter,
            PageArgs {
                first,
                after,
                last,
                before,
            },
        )
        .await
        .map(Some)
    }
}
