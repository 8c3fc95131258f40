//! Following tasks: the progress of one, or whatever happens to many.

use std::{sync::Arc, time::Duration};

use atelier_kit::{
    actor::{Actor, Identity},
    error::{Error, ErrorCode},
    event::{Event, Followed, Interest, follow},
    id::{Id, Task},
    page::Cursor,
    stream::{HubSubscription, StreamCursor, StreamItem},
};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::task::{may_see, sees_all};
use crate::{
    db::{self, TaskRow, task::Filter},
    engine::{Engine, Moment, TaskFact, Version, live::STREAM},
};

/// Without news, the task itself is looked at so often: a moment that was lost on its way is found
/// out then.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often to look for a task that has not arrived yet.
const ARRIVAL_POLL: Duration = Duration::from_millis(50);

fn identified(actor: &Actor) -> Result<(), Error> {
    match actor.identity {
        Identity::Anonymous => Err(Error::new(ErrorCode::Unauthenticated)),
        Identity::User { .. } | Identity::Service { .. } => Ok(()),
    }
}

/// Where a watcher of one task stands: in the stream, and in the life of the task.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position {
    at: StreamCursor,
    version: Version,
}

struct Watch {
    engine: Engine,
    actor: Arc<Actor>,
    id: Id<Task>,
    list: String,
    /// The last moment that was told.
    seen: Option<Version>,
    at: StreamCursor,
    items: HubSubscription,
    look_at: Instant,
    /// A moment that is to be told before the stream is read on.
    pending: Option<Moment>,
    ended: bool,
}

/// The moments of a task, each with the cursor to resume behind it: first how it stands now (unless
/// the cursor says that this is known), then what comes, until it has finished.
///
/// A task that was just asked for may still be on its way from the outbox of the asking domain: it is
/// waited for.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `NOT_FOUND` for a task that does not come or is somebody else's,
/// `BAD_USER_INPUT` for a cursor of another task, `UNAVAILABLE` if Redis does not answer.
pub async fn progress(
    engine: &Engine,
    actor: Arc<Actor>,
    id: Id<Task>,
    after: Option<Cursor>,
) -> Result<impl Stream<Item = (Moment, Cursor)> + Send + use<>, Error> {
    identified(&actor)?;
    let list = format!("task-progress:{id}");
    let deps = engine.deps();
    let after = after
        .map(|cursor| deps.cursors.open::<Position>(&list, &cursor))
        .transpose()?;
    let task = arrival(engine, &actor, id).await?;
    let unavailable = |cause| Error::caused(ErrorCode::Unavailable, cause);
    let at = match after {
        Some(after) => after.at,
        None => engine.live().end().await.map_err(unavailable)?,
    };
    let items = deps
        .hub
        .subscribe(STREAM, Some(at), Interest::ids([id]))
        .await
        .map_err(unavailable)?;
    // Read after the position was taken: what changes from here on is in the stream.
    let now = Moment::from(&current(engine, &actor, id).await?.unwrap_or(task));
    let seen = after.map(|after| after.version);
    let news = seen.is_none_or(|seen| now.version > seen);
    let final_already = now.status.is_final();
    let watch = Watch {
        engine: engine.clone(),
        actor,
        id,
        list,
        seen,
        at,
        items,
        look_at: Instant::now() + LOOK_EVERY,
        // Who resumes gets what they missed from the stream, moment by moment.
        pending: (news && (after.is_none() || final_already)).then_some(now),
        ended: final_already && !news,
    };
    Ok(stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|told| (told, watch))
    }))
}

async fn current(engine: &Engine, actor: &Actor, id: Id<Task>) -> Result<Option<TaskRow>, Error> {
    let mut connection = engine.deps().db.read().await?;
    Ok(db::task::find(&mut connection, id)
        .await?
        .filter(|task| may_see(actor, task)))
}

async fn arrival(engine: &Engine, actor: &Actor, id: Id<Task>) -> Result<TaskRow, Error> {
    let give_up = Instant::now() + engine.config().arrival;
    loop {
        if let Some(task) = current(engine, actor, id).await? {
            return Ok(task);
        }
        if Instant::now() >= give_up {
            return Err(Error::new(ErrorCode::NotFound));
        }
        tokio::time::sleep(ARRIVAL_POLL).await;
    }
}

impl Watch {
    async fn next(&mut self) -> Option<(Moment, Cursor)> {
        while !self.ended {
            if let Some(moment) = self.pending.take()
                && self.seen.is_none_or(|seen| moment.version > seen)
            {
                return Some(self.tell(moment));
            }
            let news = tokio::time::timeout_at(self.look_at, self.items.next()).await;
            match news {
                Ok(Some(StreamItem::Entry(entry))) => {
                    self.at = entry.cursor;
                    self.pending = serde_json::from_slice(&entry.payload).ok();
                }
                Ok(Some(StreamItem::Lagged | StreamItem::TooOld)) => self.resubscribe().await?,
                Ok(None) => return None,
                Err(_) => self.look().await,
            }
        }
        None
    }

    fn tell(&mut self, moment: Moment) -> (Moment, Cursor) {
        self.look_at = Instant::now() + LOOK_EVERY;
        self.seen = Some(moment.version);
        self.ended = moment.status.is_final();
        let position = Position {
            at: self.at,
            version: moment.version,
        };
        let cursor = self.engine.deps().cursors.seal(&self.list, &position);
        (moment, cursor)
    }

    /// Looks at the task itself.
    async fn look(&mut self) {
        self.look_at = Instant::now() + LOOK_EVERY;
        match current(&self.engine, &self.actor, self.id).await {
            Ok(Some(task)) => self.pending = Some(Moment::from(&task)),
            // It is gone, or not the caller's any more.
            Ok(None) => self.ended = true,
            Err(error) => tracing::debug!(
                cause = error.cause_chain(),
                "a watched task could not be looked at"
            ),
        }
    }

    /// Entries went missing: goes on from the present.
    async fn resubscribe(&mut self) -> Option<()> {
        let end = self.engine.live().end().await.ok()?;
        self.items = self
            .engine
            .deps()
            .hub
            .subscribe(STREAM, Some(end), Interest::ids([self.id]))
            .await
            .ok()?;
        self.at = end;
        self.look().await;
        Some(())
    }
}

/// Something that happened, or word that events are missing.
pub enum Happened {
    /// A task came to another state.
    Changed {
        /// The event.
        event: Arc<Event>,
        /// What it says.
        fact: Box<TaskFact>,
        /// Where it stands.
        cursor: Cursor,
    },
    /// Events are missing here; nothing comes after.
    Missed,
}

/// What happens to the caller's tasks (an administrator: to all) that a filter selects.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `BAD_USER_INPUT` for a cursor of another list, `UNAVAILABLE` if Redis
/// does not answer.
pub async fn events(
    engine: &Engine,
    actor: Arc<Actor>,
    filter: Filter,
    after: Option<Cursor>,
) -> Result<impl Stream<Item = Happened> + Send + use<>, Error> {
    identified(&actor)?;
    let interest = match (filter.owner, actor.user_id()) {
        (Some(owner), _) => Interest::ids([owner]),
        _ if sees_all(&actor) => Interest::All,
        (None, own) => Interest::ids(own),
    };
    let wanted = move |event: &Event| {
        event.topic.starts_with("task.")
            && event
                .details::<TaskFact>()
                .is_ok_and(|fact| selects(&actor, &filter, &fact))
    };
    let followed = follow(engine.deps(), after.as_ref(), interest, wanted).await?;
    Ok(followed.filter_map(|followed| {
        let happened = match followed {
            Followed::Event(event, cursor) => event.details().ok().map(|fact| Happened::Changed {
                event,
                fact: Box::new(fact),
                cursor,
            }),
            Followed::Resync => Some(Happened::Missed),
        };
        std::future::ready(happened)
    }))
}

fn selects(actor: &Actor, filter: &Filter, fact: &TaskFact) -> bool {
    let sees = sees_all(actor) || (fact.owner.is_some() && fact.owner == actor.user_id());
    sees && filter.owner.is_none_or(|owner| fact.owner == Some(owner))
        && filter
            .parent
            .is_none_or(|parent| fact.parent == Some(parent))
        && (filter.statuses.is_empty() || filter.statuses.contains(&fact.status))
        && (filter.types.is_empty() || filter.types.contains(&fact.task_type))
        && filter
            .queue
            .as_ref()
            .is_none_or(|queue| *queue == fact.queue)
        && filter
            .subject
            .as_ref()
            .is_none_or(|subject| fact.subject.as_ref() == Some(subject))
}
