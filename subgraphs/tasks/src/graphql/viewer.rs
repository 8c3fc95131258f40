//! The caller's own tasks.

use async_graphql::{Context, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated},
    page::{Connection, PageArgs},
};

use super::{
    engine,
    task::{Task, TaskWhere},
};
use crate::app;

/// What belongs to the caller here.
#[derive(Default)]
pub struct TasksOfViewer;

#[atelier_kit::object]
impl TasksOfViewer {
    /// The caller's tasks, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Returns only tasks that match.")] filter: Option<
            TaskWhere,
        >,
        page: PageArgs,
    ) -> Result<Option<Connection<Task>>> {
        let rows = app::task::list_own(engine(ctx), actor(ctx), filter.into(), &page).await?;
        Ok(Some(rows.connection(Task::from)))
    }
}

atelier_kit::viewer!(TasksOfViewer);
