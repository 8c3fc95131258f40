//! The progress of one task, as it goes on.

use std::{sync::Arc, time::Duration};

use atelier_kit::{
    actor::Actor,
    delivery::Interest,
    error::{Error, ErrorCode},
    id::{Id, Task},
    page::Cursor,
    stream::{HubSubscription, StreamCursor, StreamItem},
};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{may_see, require_identity};
use crate::{
    db::{self, TaskRow},
    engine::{Engine, ProgressUpdate, Version, progress_stream::STREAM},
};

/// Without news, the task itself is read so often: an update that was lost on its way is found
/// out then.
const READ_EVERY: Duration = Duration::from_secs(5);
/// How often to look for a task that has not arrived yet.
const ARRIVAL_POLL: Duration = Duration::from_millis(50);

/// A position in the stream, and in the life of the task.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position {
    at: StreamCursor,
    version: Version,
}

struct Subscription {
    engine: Engine,
    actor: Arc<Actor>,
    id: Id<Task>,
    list: String,
    /// The last update that was told.
    seen: Option<Version>,
    at: StreamCursor,
    items: HubSubscription,
    read_at: Instant,
    /// A update that is to be told before the stream is read on.
    pending: Option<ProgressUpdate>,
    ended: bool,
}

/// The updates of a task, each with the cursor to resume behind it: first how it stands now (unless
/// the cursor says that this is known), then what comes, until it has finished.
///
/// A task that was just asked for may still be on its way from the outbox of the asking domain: it is
/// waited for.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `NOT_FOUND` for a task that does not come or is somebody else's,
/// `BAD_USER_INPUT` for a cursor of another task, `UNAVAILABLE` if Redis does not answer.
pub async fn subscribe(
    engine: &Engine,
    actor: Arc<Actor>,
    id: Id<Task>,
    after: Option<Cursor>,
) -> Result<impl Stream<Item = (ProgressUpdate, Cursor)> + Send + use<>, Error> {
    require_identity(&actor)?;
    let list = format!("task-progress:{id}");
    let deps = engine.deps();
    let after = after
        .map(|cursor| deps.cursors.open::<Position>(&list, &cursor))
        .transpose()?;
    let task = arrival(engine, &actor, id).await?;
    let unavailable = |cause| Error::caused(ErrorCode::Unavailable, cause);
    let at = match after {
        Some(after) => after.at,
        None => engine.progress_stream().end().await.map_err(unavailable)?,
    };
    let items = deps
        .hub
        .subscribe(STREAM, Some(at), Interest::ids([id]))
        .await
        .map_err(unavailable)?;
    // Read after the position was taken: what changes from here on is in the stream.
    let now = ProgressUpdate::from(&current(engine, &actor, id).await?.unwrap_or(task));
    let seen = after.map(|after| after.version);
    let news = seen.is_none_or(|seen| now.version > seen);
    let final_already = now.status.is_final();
    let subscription = Subscription {
        engine: engine.clone(),
        actor,
        id,
        list,
        seen,
        at,
        items,
        read_at: Instant::now() + READ_EVERY,
        // Who resumes gets what they missed from the stream, update by update.
        pending: (news && (after.is_none() || final_already)).then_some(now),
        ended: final_already && !news,
    };
    Ok(stream::unfold(
        subscription,
        |mut subscription| async move {
            let next = subscription.next().await?;
            Some((next, subscription))
        },
    ))
}

async fn current(engine: &Engine, actor: &Actor, id: Id<Task>) -> Result<Option<TaskRow>, Error> {
    let mut connection = engine.deps().read().await?;
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

impl Subscription {
    async fn next(&mut self) -> Option<(ProgressUpdate, Cursor)> {
        while !self.ended {
            if let Some(update) = self.pending.take()
                && self.seen.is_none_or(|seen| update.version > seen)
            {
                return Some(self.deliver(update));
            }
            let news = tokio::time::timeout_at(self.read_at, self.items.next()).await;
            match news {
                Ok(Some(StreamItem::Entry(entry))) => {
                    self.at = entry.cursor;
                    self.pending = serde_json::from_slice(&entry.payload).ok();
                }
                Ok(Some(StreamItem::Lagged | StreamItem::TooOld)) => self.resubscribe().await?,
                Ok(None) => return None,
                Err(_) => self.read().await,
            }
        }
        None
    }

    fn deliver(&mut self, update: ProgressUpdate) -> (ProgressUpdate, Cursor) {
        self.read_at = Instant::now() + READ_EVERY;
        self.seen = Some(update.version);
        self.ended = update.status.is_final();
        let position = Position {
            at: self.at,
            version: update.version,
        };
        let cursor = self.engine.deps().cursors.seal(&self.list, &position);
        (update, cursor)
    }

    /// Reads the task itself.
    async fn read(&mut self) {
        self.read_at = Instant::now() + READ_EVERY;
        match current(&self.engine, &self.actor, self.id).await {
            Ok(Some(task)) => self.pending = Some(ProgressUpdate::from(&task)),
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
        let end = self.engine.progress_stream().end().await.ok()?;
        self.items = self
            .engine
            .deps()
            .hub
            .subscribe(STREAM, Some(end), Interest::ids([self.id]))
            .await
            .ok()?;
        self.at = end;
        self.read().await;
        Some(())
    }
}
