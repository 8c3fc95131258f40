//! The domain's GraphQL schema.

mod asset;
mod asset_event;
mod audience;
mod derivative;
mod metadata;
mod upload;
mod upload_challenge;
mod upload_part;
mod upload_progress;
mod viewer;

use async_graphql::{Context, MergedObject, MergedSubscription, Schema};
use atelier_kit::graphql::Service;

use crate::app::Media;

/// How deep a query of one subgraph may be; the router bounds whole operations.
const DEPTH: usize = 32;

/// Reads data without changing it.
#[derive(MergedObject, Default)]
struct Query(viewer::ViewerQuery, asset::AssetQuery, upload::UploadQuery);

/// Changes data.
#[derive(MergedObject, Default)]
struct Mutation(
    upload::UploadMutation,
    upload_part::UploadPartMutation,
    upload_challenge::UploadChallengeMutation,
    asset::AssetMutation,
    audience::AudienceMutation,
);

/// Delivers events as they happen.
#[derive(MergedSubscription, Default)]
struct Subscription(
    upload_progress::UploadSubscription,
    asset_event::AssetSubscription,
);

/// The executable schema.
pub fn service(media: &Media) -> Service {
    let media = media.clone();
    Service::new(move || {
        Schema::build(
            Query::default(),
            Mutation::default(),
            Subscription::default(),
        )
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
