//! The domain's GraphQL schema.

mod asset;
mod enums;
mod event;
mod input;
mod metadata;
mod mutation;
mod payload;
mod progress;
mod query;
mod reference;
mod signed;
mod subscription;
mod upload;
mod viewer;

use async_graphql::{Context, Schema};
use atelier_kit::{
    graphql::Service,
    id::{Asset as AssetEntity, Id},
};

use crate::{
    UploadId,
    app::{
        Media,
        loader::{AssetById, UploadById},
    },
};

/// How deep a query of one subgraph may be; the router bounds whole operations.
const DEPTH: usize = 32;

/// The executable schema.
pub fn service(media: &Media) -> Service {
    let media = media.clone();
    Service::new(move || {
        Schema::build(query::Query, mutation::Mutation, subscription::Subscription)
            .data(media.clone())
            .enable_federation()
            .enable_subscription_in_federation()
            .register_output_type::<crate::error::UserError>()
            .limit_depth(DEPTH)
    })
}

fn media<'a>(ctx: &Context<'a>) -> &'a Media {
    ctx.data_unchecked::<Media>()
}

/// A file that the caller may see.
async fn load_asset(
    ctx: &Context<'_>,
    id: Id<AssetEntity>,
) -> async_graphql::Result<Option<asset::Asset>> {
    let batch = || AssetById {
        media: media(ctx).clone(),
        actor: atelier_kit::graphql::scope(ctx).actor.clone(),
    };
    Ok(atelier_kit::graphql::load(ctx, batch, id)
        .await?
        .map(asset::Asset))
}

/// An upload that the caller may see.
async fn load_upload(
    ctx: &Context<'_>,
    id: UploadId,
) -> async_graphql::Result<Option<upload::Upload>> {
    let batch = || UploadById {
        media: media(ctx).clone(),
        actor: atelier_kit::graphql::scope(ctx).actor.clone(),
    };
    Ok(atelier_kit::graphql::load(ctx, batch, id)
        .await?
        .map(upload::Upload))
}
