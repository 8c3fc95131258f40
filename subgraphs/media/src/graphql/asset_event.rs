//! Events about files.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription};
use atelier_contracts::media::{Asset as AssetEntity, AssetFact};
use atelier_kit::{
    delivery::Interest,
    error::{Error, ErrorCode},
    event::Told,
    graphql::{actor, directive::authenticated, directive::resumable, scope, subscribe},
    id::Id,
    loader::Batch,
    page::Cursor,
};
use futures::stream::BoxStream;

use super::{asset::Asset, media};
use crate::app::{access::may_change, asset::AssetById, is_admin};

/// The most files that one subscription selects.
const MAX_IDS: usize = 100;

atelier_kit::events! {
    /// An event about a file.
    pub enum AssetEvent {
        /// The ID of the file.
        asset_id: Id<AssetEntity>,
    } {
        /// An upload was completed, and the file exists.
        Created(AssetCreated) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
        },
        /// A file was processed: its derivatives and metadata are available.
        Ready(AssetReady) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
        },
        /// Processing a file failed. The file can still be read.
        ProcessingFailed(AssetProcessingFailed) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
            /// Why processing failed.
            reason: String,
        },
        /// A file failed verification and cannot be read any more.
        Quarantined(AssetQuarantined) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
            /// Why verification failed.
            reason: String,
        },
        /// A file was renamed.
        Updated(AssetUpdated) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
        },
        /// A file was moved to the trash.
        Trashed(AssetTrashed) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
        },
        /// A file was taken out of the trash.
        Restored(AssetRestored) {
            /// The current state of the file; null if it is gone.
            asset: Option<Asset>,
        },
        /// A file was deleted for good.
        Purged(AssetPurged) {},
    }
}

impl AssetEvent {
    /// What a fact tells, with the file as it is now.
    fn of(told: Told<AssetFact>, cursor: Cursor, asset: Option<Asset>) -> Self {
        let (occurred_at, asset_id) = (told.occurred_at, told.fact.asset());
        match told.fact {
            AssetFact::AssetCreated(_) => Self::Created(AssetCreated {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            AssetFact::AssetReady(_) => Self::Ready(AssetReady {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            AssetFact::AssetProcessingFailed(fact) => {
                Self::ProcessingFailed(AssetProcessingFailed {
                    cursor,
                    occurred_at,
                    asset_id,
                    asset,
                    reason: fact.reason,
                })
            }
            AssetFact::AssetQuarantined(fact) => Self::Quarantined(AssetQuarantined {
                cursor,
                occurred_at,
                asset_id,
                asset,
                reason: fact.reason,
            }),
            AssetFact::AssetUpdated(_) => Self::Updated(AssetUpdated {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            AssetFact::AssetTrashed(_) => Self::Trashed(AssetTrashed {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            AssetFact::AssetRestored(_) => Self::Restored(AssetRestored {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            AssetFact::AssetPurged(_) => Self::Purged(AssetPurged {
                cursor,
                occurred_at,
                asset_id,
            }),
        }
    }
}

/// The fields of `Subscription` about files.
#[derive(Default)]
pub struct AssetSubscription;

#[Subscription]
impl AssetSubscription {
    /// Delivers events about the caller's files; for callers with the scope `admin:media`, about
    /// everyone's. With `ids`, also events about files that are shown to the caller, for as long as they
    /// are; when such a file is moved to the trash, quarantined or deleted, nothing is delivered.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn asset_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Delivers only events about these files; at most 100.")] ids: Option<
            Vec<Id<AssetEntity>>,
        >,
        #[graphql(
            desc = "Delivers the events after this cursor. If omitted, only events from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<AssetEvent>>> {
        let user = actor(ctx).require_user()?;
        if ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
            let detail = format!("At most {MAX_IDS} files are followed at once.");
            return Err(Error::with_detail(ErrorCode::BadUserInput, detail).into());
        }
        let interest = match ids {
            Some(ids) => Interest::ids(ids),
            None if is_admin(actor(ctx)) => Interest::All,
            None => Interest::ids([user]),
        };
        let media = media(ctx);
        let assets = Arc::new(AssetById {
            media: media.clone(),
            actor: Arc::clone(&scope(ctx).actor),
        });
        subscribe(ctx, &media.deps, interest, after, move |told, cursor| {
            event(Arc::clone(&assets), told, cursor)
        })
        .await
    }
}

/// The event of a fact, if the caller may know of it: of their own files they hear everything, of files
/// that are shown to them as long as they are.
async fn event(
    assets: Arc<AssetById>,
    told: Told<AssetFact>,
    cursor: Cursor,
) -> Result<Option<AssetEvent>> {
    let id = told.fact.asset();
    let asset = assets.load(vec![id]).await?.remove(&id).map(Asset);
    if asset.is_none() && !may_change(&assets.actor, *told.fact.owner()) {
        return Ok(None);
    }
    Ok(Some(AssetEvent::of(told, cursor, asset)))
}
