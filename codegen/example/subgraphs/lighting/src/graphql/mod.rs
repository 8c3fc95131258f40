//! The domain's GraphQL schema.

mod lamp;
mod viewer;

use async_graphql::{Context, MergedObject, MergedSubscription, Schema};
use atelier_kit::{Deps, graphql::Service};

/// The deepest query that this subgraph accepts; the router limits whole operations.
const DEPTH: usize = 32;

/// The root of all queries.
#[derive(MergedObject, Default)]
pub struct Query(viewer::ViewerQuery, lamp::LampQuery);

/// The root of all mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(lamp::LampMutation);

/// The root of all subscriptions.
#[derive(MergedSubscription, Default)]
pub struct Subscription(lamp::LampSubscription);

/// The executable schema.
pub fn service(deps: &Deps) -> Service {
    let deps = deps.clone();
    Service::new(move || {
        Schema::build(
            Query::default(),
            Mutation::default(),
            Subscription::default(),
        )
        .data(deps.clone())
        .enable_federation()
        .enable_subscription_in_federation()
        .register_output_type::<crate::error::UserError>()
        .limit_depth(DEPTH)
    })
}

fn deps<'a>(ctx: &Context<'a>) -> &'a Deps {
    ctx.data_unchecked::<Deps>()
}
