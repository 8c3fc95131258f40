//! The domain's GraphQL schema.

mod grant;
mod lease;
mod log;
mod queue;
mod result_shape;
mod schedule;
mod step;
mod task;
mod task_type;
mod viewer;
mod worker;

use async_graphql::{Context, MergedObject, Schema};
use atelier_kit::graphql::Service;

use crate::engine::Engine;

/// How deep a query of one subgraph may be; the router bounds whole operations.
const DEPTH: usize = 32;

/// The domain's part of `Query`.
#[derive(MergedObject, Default)]
pub struct Query(
    viewer::ViewerQuery,
    task::TaskQuery,
    task_type::TaskTypeQuery,
    queue::QueueQuery,
    schedule::ScheduleQuery,
    worker::WorkerQuery,
    grant::GrantQuery,
    result_shape::ResultShapeQuery,
);

/// The domain's part of `Mutation`.
#[derive(MergedObject, Default)]
pub struct Mutation(
    task::change::TaskMutation,
    queue::QueueMutation,
    schedule::ScheduleMutation,
    grant::GrantMutation,
    result_shape::ResultShapeMutation,
    worker::WorkerMutation,
    lease::LeaseMutation,
);

/// The executable schema.
pub fn service(engine: Engine) -> Service {
    Service::new(move || {
        let subscription = task::event::Subscription;
        Schema::build(Query::default(), Mutation::default(), subscription)
            .data(engine.clone())
            .register_output_type::<crate::error::UserError>()
            .enable_federation()
            .enable_subscription_in_federation()
            .limit_depth(DEPTH)
    })
}

fn engine<'a>(ctx: &Context<'a>) -> &'a Engine {
    ctx.data_unchecked::<Engine>()
}
