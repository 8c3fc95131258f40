//! What a caller has of their own.
//!
//! The rule is on the fields and not on the type: who asks for the caller and is nobody gets null
//! and no error.

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

/// The signed-in caller, and what only they may see. For nobody there is none.
#[Object]
impl Viewer {
    /// The id of the caller's account.
    #[graphql(directive = authenticated::apply())]
    async fn id(&self) -> Id<User> {
        self.id
    }

    /// The caller's tasks, newest first.
    #[graphql(directive = authenticated::apply())]
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
