//! The progress of an upload while it goes on.

use std::{sync::Arc, time::Duration};

use async_graphql::{Context, Result, SimpleObject, Subscription};
use atelier_contracts::media::{Upload as UploadEntity, UploadFact, UploadStatus};
use atelier_kit::{
    actor::Actor,
    delivery::Interest,
    error::{Error, ErrorCode},
    event::Told,
    graphql::{Long, ResyncRequired, actor, directive::authenticated, scope, subscribe},
    id::Id,
    loader::Batch,
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{media, upload::Upload};
use crate::{
    app::{
        Media,
        upload::{Received, UploadById, received},
    },
    db::upload::UploadRow,
};

/// The progress of an upload.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadProgress {
    /// The upload.
    pub upload: Upload,
    /// The state of the upload. After a state in which the upload has ended, the subscription ends as well.
    pub status: UploadStatus,
    /// The number of bytes that have arrived.
    pub received_bytes: Long,
    /// The announced size of the file, in bytes.
    pub byte_size: Long,
    /// The number of parts that have arrived; 1 for a file sent in one request.
    pub received_part_count: i32,
    /// The number of parts.
    pub part_count: i32,
}

/// The pause between two values: at most ten in a second.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the store is asked without any news; a second more for every thousand parts.
const POLL: Duration = Duration::from_secs(1);

/// The fields of `Subscription` about uploads.
#[derive(Default)]
pub struct UploadSubscription;

#[Subscription]
impl UploadSubscription {
    /// Delivers the progress of an upload now and whenever it changes, at most ten times per second, until
    /// the upload has ended.
    #[graphql(directive = authenticated::apply())]
    async fn upload_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the upload.")] id: Id<UploadEntity>,
    ) -> Result<BoxStream<'static, Result<UploadProgress>>> {
        actor(ctx).require_user()?;
        let loaders = Arc::clone(&scope(ctx).loaders);
        let watch = Watch::begin(ctx, id).await?;
        let progress = stream::unfold(watch, |mut watch| async move {
            let progress = watch.next().await?;
            Some((progress, watch))
        });
        Ok(progress.inspect(move |_| loaders.clear()).boxed())
    }
}

/// Something may have changed.
struct News;

impl From<ResyncRequired> for News {
    fn from(_: ResyncRequired) -> Self {
        Self
    }
}

struct Watch {
    media: Media,
    actor: Arc<Actor>,
    id: Id<UploadEntity>,
    news: BoxStream<'static, Result<News>>,
    polls: Interval,
    delivered: Option<(UploadStatus, Received)>,
    delivered_at: Option<Instant>,
    ended: bool,
}

impl Watch {
    async fn begin(ctx: &Context<'_>, id: Id<UploadEntity>) -> Result<Self> {
        let (media, actor) = (media(ctx).clone(), Arc::clone(&scope(ctx).actor));
        let news = |_: Told<UploadFact>, _| std::future::ready(Ok(Some(News)));
        // Listening begins before the first look, so that nothing falls in between.
        let news = subscribe(ctx, &media.deps, Interest::ids([id]), None, news).await?;
        let first = find(&media, &actor, id)
            .await?
            .ok_or(Error::new(ErrorCode::NotFound))?;
        let slower = u32::try_from(first.part_count / 1000).unwrap_or(0);
        let mut polls = tokio::time::interval(POLL * (1 + slower));
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            media,
            actor,
            id,
            news,
            polls,
            delivered: None,
            delivered_at: None,
            ended: false,
        })
    }

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
        if self.delivered.as_ref() == Some(&seen) {
            return Ok(None);
        }
        let received = &seen.1;
        let count = if received.parts.is_empty() {
            i32::from(received.bytes > 0)
        } else {
            i32::try_from(received.parts.len()).unwrap_or(i32::MAX)
        };
        let progress = UploadProgress {
            status: row.status,
            received_bytes: received.bytes.into(),
            byte_size: row.byte_size.into(),
            received_part_count: count,
            part_count: row.part_count,
            upload: Upload(row),
        };
        self.ended = seen.0.is_closed();
        self.delivered = Some(seen);
        self.delivered_at = Some(Instant::now());
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
        if let Some(delivered_at) = self.delivered_at {
            tokio::time::sleep_until(delivered_at + PAUSE).await;
        }
    }
}

async fn find(
    media: &Media,
    actor: &Arc<Actor>,
    id: Id<UploadEntity>,
) -> Result<Option<UploadRow>, Error> {
    let uploads = UploadById {
        media: media.clone(),
        actor: Arc::clone(actor),
    };
    Ok(uploads.load(vec![id]).await?.remove(&id))
}
