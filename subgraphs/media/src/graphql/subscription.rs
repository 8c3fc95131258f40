//! What can be followed.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, Result, Subscription as GraphqlSubscription};
use atelier_kit::{
    error::{Error, ErrorCode},
    event::{Event, Followed, Interest, follow},
    graphql::{
        actor,
        directive::{authenticated, resumable},
        scope,
    },
    id::{Asset as AssetEntity, Id},
    loader::Batch,
    page::Cursor,
};
use futures::{StreamExt, stream::BoxStream};

use super::{
    asset::Asset,
    event::{AssetEvent, ResyncRequired},
    media,
    progress::{self, UploadProgress},
};
use crate::{
    UploadId,
    app::{
        access::{may_see, sees_all},
        fact::AssetFact,
        loader::AssetById,
    },
};

/// The most files that one subscription selects.
const MAX_IDS: usize = 100;

/// What can be followed.
pub struct Subscription;

/// What can be followed.
#[GraphqlSubscription]
impl Subscription {
    /// How far an upload is, whenever that changes; ends with the upload.
    #[graphql(directive = authenticated::apply())]
    async fn upload_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload's id.")] id: UploadId,
    ) -> Result<BoxStream<'static, Result<UploadProgress>>> {
        actor(ctx).require_user()?;
        let (actor, loaders) = (
            Arc::clone(&scope(ctx).actor),
            Arc::clone(&scope(ctx).loaders),
        );
        let progress = progress::watch(media(ctx).clone(), actor, id).await?;
        Ok(progress.inspect(move |_| loaders.clear()).boxed())
    }

    /// What happens to the caller's files.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn asset_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these files, at most 100.")] ids: Option<Vec<Id<AssetEntity>>>,
        #[graphql(desc = "Begin behind this event; without it, with what happens from now on.")]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<AssetEvent>>> {
        let user = actor(ctx).require_user()?;
        if ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
            return Err(Error::with_detail(
                ErrorCode::BadUserInput,
                format!("At most {MAX_IDS} files are followed at once."),
            )
            .into());
        }
        let (media, scope) = (media(ctx).clone(), scope(ctx));
        let (caller, loaders) = (Arc::clone(&scope.actor), Arc::clone(&scope.loaders));
        let keys: Option<HashSet<String>> = ids.map(|ids| ids.iter().map(Id::to_string).collect());
        let interest = match &keys {
            Some(keys) => Interest::ids(keys),
            None if sees_all(&caller) => Interest::All,
            None => Interest::ids([user]),
        };
        let wanted = {
            let caller = Arc::clone(&caller);
            move |event: &Event| {
                event.topic.starts_with("asset.")
                    && keys.as_ref().is_none_or(|keys| keys.contains(&event.key))
                    && event
                        .details::<AssetFact>()
                        .is_ok_and(|fact| may_see(&caller, fact.owner))
            }
        };
        let deps = media.deps.clone();
        let assets = Arc::new(AssetById {
            media,
            actor: caller,
        });
        let events = follow(&deps, after.as_ref(), interest, wanted).await?;
        Ok(events
            .filter_map(move |followed| {
                loaders.clear();
                let (assets, now) = (Arc::clone(&assets), deps.clock.now());
                async move {
                    match followed {
                        Followed::Resync => {
                            Some(Ok(AssetEvent::Resync(ResyncRequired { occurred_at: now })))
                        }
                        Followed::Event(event, cursor) => {
                            tell(&assets, &event, cursor).await.transpose()
                        }
                    }
                }
            })
            .boxed())
    }
}

async fn tell(assets: &AssetById, event: &Event, cursor: Cursor) -> Result<Option<AssetEvent>> {
    let fact: AssetFact = event.details()?;
    let id = fact.asset;
    let asset = assets.load(vec![id]).await?.remove(&id).map(Asset);
    Ok(AssetEvent::of(event, cursor, fact, asset))
}
