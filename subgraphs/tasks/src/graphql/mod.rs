//! The domain's GraphQL schema.

pub mod error;
pub use error::TaskErrorCode;
mod event;
mod grant;
mod input;
mod loaders;
mod mutation;
mod payload;
mod query;
mod queue;
mod schedule;
mod subscription;
mod task;
mod viewer;
mod worker;
mod worker_input;

use async_graphql::{Context, Schema};
use atelier_kit::{
    graphql::Service,
    id::{Id, Task as TaskEntity},
};

use crate::engine::Engine;

/// How deep a query of one subgraph may be; the router bounds whole operations.
const DEPTH: usize = 32;

/// The executable schema.
pub fn service(engine: Engine) -> Service {
    Service::new(move || {
        Schema::build(query::Query, mutation::Mutation, subscription::Subscription)
            .data(engine.clone())
            .register_output_type::<error::UserError>()
            .enable_federation()
            .enable_subscription_in_federation()
            .limit_depth(DEPTH)
    })
}

fn engine<'a>(ctx: &Context<'a>) -> &'a Engine {
    ctx.data_unchecked::<Engine>()
}

/// A task that the caller may see.
async fn load_task(
    ctx: &Context<'_>,
    id: Id<TaskEntity>,
) -> async_graphql::Result<Option<task::Task>> {
    Ok(
        atelier_kit::graphql::load(ctx, || loaders::Tasks::new(ctx), id)
            .await?
            .map(task::Task),
    )
}
