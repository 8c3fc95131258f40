//! What can be asked.

use async_graphql::{Context, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated},
    id::{Id, Task as TaskEntity, User},
    page::{Connection, Cursor, PageArgs},
};

use super::{
    engine,
    grant::{TaskResultShape, WorkerGrant},
    input::TaskWhere,
    load_task,
    queue::{Queue, TaskType},
    schedule::Schedule,
    task::{self, Task},
    viewer::Viewer,
    worker::Worker,
};
use crate::app;

/// What can be asked.
pub struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// The signed-in caller; null for nobody.
    #[graphql(shareable, tag = "public")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Viewer> {
        actor(ctx).user_id().map(|id| Viewer { id })
    }

    /// A task; null if there is none that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task's id.")] id: Id<TaskEntity>,
    ) -> Result<Option<Task>> {
        load_task(ctx, id).await
    }

    /// Everybody's tasks, newest first.
    #[expect(
        clippy::too_many_arguments,
        reason = "the paging arguments of a connection"
    )]
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which tasks are wanted.")] filter: Option<TaskWhere>,
        #[graphql(desc = "Only tasks of this user.")] owner_id: Option<Id<User>>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Connection<Task>> {
        let mut filter = app::task::all(actor(ctx), filter.into())?;
        filter.owner = owner_id;
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
    }

    /// The queues with what is in them, by name; at most 200.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn queues(&self, ctx: &Context<'_>) -> Result<Vec<Queue>> {
        Ok(app::queue::list(engine(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// The workers heard of in the last hour, newest first.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Connection<Worker>> {
        const LIST: &str = "workers";
        let engine = engine(ctx);
        let sealer = &engine.deps().cursors;
        let request = PageArgs {
            first,
            after,
            last,
            before,
        }
        .open(LIST, sealer)?;
        let workers = app::worker::list(engine, actor(ctx), &request).await?;
        let nodes = workers
            .into_iter()
            .map(|(row, running)| Worker { row, running })
            .collect();
        Ok(Connection::build(
            &request,
            nodes,
            sealer,
            LIST,
            |node: &Worker| node.row.id,
        ))
    }

    /// The schedules, by name; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedules(&self, ctx: &Context<'_>) -> Result<Vec<Schedule>> {
        Ok(app::schedule::list(engine(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Schedule)
            .collect())
    }

    /// The types of tasks that were done so far, by name; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_types(&self, ctx: &Context<'_>) -> Result<Vec<TaskType>> {
        Ok(app::queue::types(engine(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// What the credentials of external workers are bound to, newest first; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grants(&self, ctx: &Context<'_>) -> Result<Vec<WorkerGrant>> {
        Ok(app::grant::list(engine(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// What the results of types of tasks look like, by type; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_result_shapes(&self, ctx: &Context<'_>) -> Result<Vec<TaskResultShape>> {
        Ok(app::grant::shapes(engine(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// A task by its key.
    #[graphql(entity)]
    async fn find_task_by_id(&self, ctx: &Context<'_>, id: Id<TaskEntity>) -> Result<Option<Task>> {
        load_task(ctx, id).await
    }

    /// The caller by their key: nobody sees another one's.
    #[graphql(entity)]
    async fn find_viewer_by_id(&self, ctx: &Context<'_>, id: Id<User>) -> Result<Option<Viewer>> {
        Ok(actor(ctx)
            .user_id()
            .filter(|user| *user == id)
            .map(|id| Viewer { id }))
    }
}
