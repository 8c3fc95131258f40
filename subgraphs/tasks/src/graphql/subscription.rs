//! What can be followed.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription as GraphqlSubscription};
use atelier_kit::{
    graphql::{
        Long,
        directive::{authenticated, resumable},
        scope,
    },
    id::{Id, Task as TaskEntity},
    page::Cursor,
};
use futures::{StreamExt, stream::BoxStream};

use super::{
    engine,
    event::{ResyncRequired, TaskEvent, TaskProgressed, TaskStateChanged},
    input::TaskWhere,
};
use crate::app::follow::{self, Happened};

/// What can be followed.
pub struct Subscription;

/// What can be followed.
#[GraphqlSubscription]
impl Subscription {
    /// How far a task is: at once how it stands now, then whatever changes, at most ten times a
    /// second, until it has finished. A task that was just asked for is waited for.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn task_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task's id.")] id: Id<TaskEntity>,
        #[graphql(desc = "Begin behind this event; without it, with the present.")] after: Option<
            Cursor,
        >,
    ) -> Result<BoxStream<'static, TaskEvent>> {
        let (actor, loaders) = (
            Arc::clone(&scope(ctx).actor),
            Arc::clone(&scope(ctx).loaders),
        );
        let moments = follow::progress(engine(ctx), actor, id, after).await?;
        Ok(moments
            .map(move |(moment, cursor)| {
                loaders.clear();
                TaskEvent::Progressed(TaskProgressed {
                    cursor,
                    occurred_at: moment.at,
                    task_id: moment.task,
                    status: moment.status.into(),
                    progress: moment.progress,
                    current_step: moment.step,
                    estimated_remaining_ms: moment.eta_ms.map(Long),
                    attempt: moment.attempt.into(),
                })
            })
            .boxed())
    }

    /// What happens to the caller's tasks: every change of state. With the scope `admin:tasks`, what
    /// happens to everybody's, as far as it ends a task or the task belongs to somebody.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            name = "where",
            desc = "Which tasks are wanted; `status` selects on the state they come to."
        )]
        filter: Option<TaskWhere>,
        #[graphql(desc = "Begin behind this event; without it, with what happens from now on.")]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, TaskEvent>> {
        let (actor, loaders) = (
            Arc::clone(&scope(ctx).actor),
            Arc::clone(&scope(ctx).loaders),
        );
        let clock = Arc::clone(&engine(ctx).deps().clock);
        let happened = follow::events(engine(ctx), actor, filter.into(), after).await?;
        Ok(happened
            .map(move |happened| {
                loaders.clear();
                match happened {
                    Happened::Changed {
                        event,
                        fact,
                        cursor,
                    } => TaskEvent::Changed(TaskStateChanged {
                        cursor,
                        occurred_at: event.occurred_at,
                        task_id: fact.id,
                        status: fact.status.into(),
                        attempt: fact.attempt.into(),
                    }),
                    Happened::Missed => TaskEvent::Resync(ResyncRequired {
                        occurred_at: clock.now(),
                    }),
                }
            })
            .boxed())
    }
}
