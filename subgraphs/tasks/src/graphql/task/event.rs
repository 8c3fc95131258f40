//! Subscriptions to tasks.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Result, Subscription as GraphqlSubscription};
use atelier_contracts::tasks::{TaskFact, TaskStatus};
use atelier_kit::{
    event::Told,
    graphql::{
        Long,
        directive::{authenticated, resumable},
        scope, subscribe,
    },
    id::{self, Id},
    page::Cursor,
};
use futures::{StreamExt, stream::BoxStream};

use super::{Task, TaskWhere, load_task};
use crate::{
    app::task::{event, progress},
    db::task::Filter,
    engine::ProgressUpdate,
    graphql::engine,
};

atelier_kit::events! {
    /// Something that happened to a task.
    pub enum TaskEvent {
        /// The id of the task.
        task_id: Id<id::Task>,
        /// The state of the task after this event.
        status: TaskStatus,
        /// The number of the attempt, counted from 1; 0 before the first attempt.
        attempt: i32,
    } {
        /// A task made progress.
        #[graphql(complex)]
        Progressed(TaskProgressed) {
            /// The part of the task that was done, from 0 to 1.
            progress: f64,
            /// The step that the task was in.
            current_step: Option<String>,
            /// The worker's estimate of the remaining time, in milliseconds; null if it made none.
            estimated_remaining_ms: Option<Long>,
        },
        /// The state of a task changed.
        #[graphql(complex)]
        Changed(TaskStateChanged) {},
    }
}

#[ComplexObject]
impl TaskProgressed {
    /// The task in its current state; null if it was deleted.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        load_task(ctx, self.task_id).await
    }
}

#[ComplexObject]
impl TaskStateChanged {
    /// The task in its current state; null if it was deleted.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        load_task(ctx, self.task_id).await
    }
}

impl TaskEvent {
    fn progressed((update, cursor): (ProgressUpdate, Cursor)) -> Self {
        Self::Progressed(TaskProgressed {
            cursor,
            occurred_at: update.at,
            task_id: update.task,
            status: update.status,
            attempt: update.attempt.into(),
            progress: update.progress,
            current_step: update.step,
            estimated_remaining_ms: update.eta_ms.map(Long),
        })
    }

    fn changed(told: &Told<TaskFact>, cursor: Cursor) -> Self {
        Self::Changed(TaskStateChanged {
            cursor,
            occurred_at: told.occurred_at,
            task_id: told.fact.id,
            status: told.fact.status,
            attempt: told.fact.attempt.into(),
        })
    }
}

/// The domain's part of `Subscription`.
pub struct Subscription;

/// The domain's part of `Subscription`.
#[GraphqlSubscription]
impl Subscription {
    /// Sends the progress of a task: its current state at once, then every change, at most ten a second,
    /// until the task has ended. A task that was requested but is not enqueued yet is awaited for up
    /// to 5 seconds.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn task_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the task.")] id: Id<id::Task>,
        #[graphql(
            desc = "Sends only what follows the event with this cursor; by default, begins with the current state."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, TaskEvent>> {
        let (actor, loaders) = (
            Arc::clone(&scope(ctx).actor),
            Arc::clone(&scope(ctx).loaders),
        );
        let updates = progress::subscribe(engine(ctx), actor, id, after).await?;
        Ok(updates
            .map(move |update| {
                loaders.clear();
                TaskEvent::progressed(update)
            })
            .boxed())
    }

    /// Sends every change of state of the caller's tasks. With the scope `admin:tasks`, sends those of
    /// everybody's tasks; of tasks that belong to nobody, only the end.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            name = "where",
            desc = "Sends only events of tasks that match; `status` selects by the new state."
        )]
        filter: Option<TaskWhere>,
        #[graphql(
            desc = "Sends only what follows the event with this cursor; by default, begins with what happens from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<TaskEvent>>> {
        let actor = Arc::clone(&scope(ctx).actor);
        let filter = Filter::from(filter);
        let interest = event::interest(&actor, &filter)?;
        let tell = move |told: Told<TaskFact>, cursor| {
            let selected = event::selects(&actor, &filter, &told.fact);
            std::future::ready(Ok(selected.then(|| TaskEvent::changed(&told, cursor))))
        };
        subscribe(ctx, engine(ctx).deps(), interest, after, tell).await
    }
}
