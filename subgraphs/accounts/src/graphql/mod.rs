//! The domain's GraphQL schema.

mod access_token;
mod audit;
mod auth;
mod event;
mod identity;
mod plan;
mod profile;
mod quota;
mod reservation;
mod role;
mod session;
mod user;
mod viewer;

use std::sync::Arc;

use async_graphql::{Context, MergedObject, Schema};
use atelier_kit::{
    error::Fail,
    graphql::{Service, scope},
};

use crate::{
    app::Accounts,
    error::{AccountsErrorCode, Outcome},
};

/// The deepest query that this subgraph accepts; the router limits whole operations.
const DEPTH: usize = 32;

/// The root of all queries.
#[derive(MergedObject, Default)]
pub struct Query(
    viewer::ViewerQuery,
    user::UserQuery,
    plan::PlanQuery,
    role::RoleQuery,
    audit::AuditQuery,
    identity::IdentityQuery,
);

/// The root of all mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    auth::AuthMutation,
    session::SessionMutation,
    profile::ProfileMutation,
    access_token::AccessTokenMutation,
    user::UserMutation,
    role::RoleMutation,
    plan::PlanMutation,
    quota::QuotaMutation,
    reservation::ReservationMutation,
);

/// Builds the executable schema.
pub fn service(accounts: &Arc<Accounts>) -> Service {
    let accounts = Arc::clone(accounts);
    Service::new(move || {
        Schema::build(Query::default(), Mutation::default(), event::Subscription)
            .data(Arc::clone(&accounts))
            .enable_federation()
            .enable_subscription_in_federation()
            .register_output_type::<crate::error::UserError>()
            .limit_depth(DEPTH)
    })
}

/// Lets only one field of an operation use a password: hashing is expensive, and aliases would
/// multiply the cost.
fn require_first_password(ctx: &Context<'_>) -> Outcome<()> {
    if accounts(ctx).hashing.claim(scope(ctx).operation) {
        Ok(())
    } else {
        Err(Fail::refused(AccountsErrorCode::OnePerRequest, "input"))
    }
}

fn accounts<'a>(ctx: &Context<'a>) -> &'a Arc<Accounts> {
    ctx.data_unchecked::<Arc<Accounts>>()
}
