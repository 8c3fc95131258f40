//! How far an upload is, as it goes on.

use std::{sync::Arc, time::Duration};

use async_graphql::{Result, SimpleObject};
use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode},
    event::{Followed, Interest, follow},
    graphql::Long,
    loader::Batch,
};
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{enums::UploadStatus, upload::Upload};
use crate::{
    UploadId,
    app::{
        Media,
        fact::{UPLOAD_CLOSED, UPLOAD_PROGRESS},
        loader::UploadById,
        upload::{Received, received},
    },
    db::upload::UploadRow,
};

/// How far an upload is.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadProgress {
    /// The upload.
    pub upload: Upload,
    /// Where it stands; nothing comes after a status that ends it.
    pub status: UploadStatus,
    /// How many bytes have arrived.
    pub received_bytes: Long,
    /// How many bytes were announced.
    pub byte_size: Long,
    /// How many parts have arrived; 1 for a file sent in one piece.
    pub received_part_count: i32,
    /// How many parts there are.
    pub part_count: i32,
}

/// The pause between two values: at most ten in a second.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the store is asked without any news; a second more for every thousand parts.
const POLL: Duration = Duration::from_secs(1);

struct Watch {
    media: Media,
    actor: Arc<Actor>,
    id: UploadId,
    news: BoxStream<'static, Followed>,
    polls: Interval,
    told: Option<(crate::db::state::UploadStatus, Received)>,
    told_at: Option<Instant>,
    ended: bool,
}

/// Tells how far an upload is whenever that changes, until it has ended.
pub async fn watch(
    media: Media,
    actor: Arc<Actor>,
    id: UploadId,
) -> Result<impl Stream<Item = Result<UploadProgress>> + Send + use<>> {
    let key = id.to_string();
    let interest = Interest::ids([&key]);
    let wanted = move |event: &atelier_kit::event::Event| {
        event.key == key && matches!(event.topic.as_str(), UPLOAD_PROGRESS | UPLOAD_CLOSED)
    };
    // Listening begins before the first look, so that nothing falls in between.
    let news = follow(&media.deps, None, interest, wanted).await?.boxed();
    let first = find(&media, &actor, id)
        .await?
        .ok_or(Error::new(ErrorCode::NotFound))?;
    let mut polls =
        tokio::time::interval(POLL * (1 + u32::try_from(first.part_count / 1000).unwrap_or(0)));
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch {
        media,
        actor,
        id,
        news,
        polls,
        told: None,
        told_at: None,
        ended: false,
    };
    Ok(stream::unfold(watch, |mut watch| async move {
        let told = watch.next().await?;
        Some((told, watch))
    }))
}

async fn find(media: &Media, actor: &Arc<Actor>, id: UploadId) -> Result<Option<UploadRow>, Error> {
    let uploads = UploadById {
        media: media.clone(),
        actor: Arc::clone(actor),
    };
    Ok(uploads.load(vec![id]).await?.remove(&id))
}

impl Watch {
    async fn next(&mut self) -> Option<Result<UploadProgress>> {
        while !self.ended {
            match self.look().await {
                Ok(Some(progress)) => return Some(Ok(progress)),
                Ok(None) => self.wait().await,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        None
    }

    /// What is new, if anything.
    async fn look(&mut self) -> Result<Option<UploadProgress>, Error> {
        let Some(row) = find(&self.media, &self.actor, self.id).await? else {
            self.ended = true;
            return Ok(None);
        };
        let received = received(&self.media, &row).await?;
        let seen = (row.status, received);
        if self.told.as_ref() == Some(&seen) {
            return Ok(None);
        }
        let received = &seen.1;
        let count = if received.parts.is_empty() {
            i32::from(received.bytes > 0)
        } else {
            i32::try_from(received.parts.len()).unwrap_or(i32::MAX)
        };
        let progress = UploadProgress {
            status: row.status.into(),
            received_bytes: received.bytes.into(),
            byte_size: row.byte_size.into(),
            received_part_count: count,
            part_count: row.part_count,
            upload: Upload(row),
        };
        self.ended = seen.0.is_closed();
        self.told = Some(seen);
        self.told_at = Some(Instant::now());
        Ok(Some(progress))
    }

    /// Waits for news, or for the next time to ask the store.
    async fn wait(&mut self) {
        tokio::select! {
            news = self.news.next() => {
                if news.is_none() {
                    self.news = stream::pending().boxed();
                }
            }
            _ = self.polls.tick() => {}
        }
        if let Some(told_at) = self.told_at {
            tokio::time::sleep_until(told_at + PAUSE).await;
        }
    }
}
