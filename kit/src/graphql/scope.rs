//! What one request carries through its resolvers.

use std::sync::Arc;

use async_graphql::Context;

use crate::{
    actor::Actor,
    error::Error,
    loader::{Batch, Loaders},
};

/// The caller and the loaders of one request.
#[derive(Default)]
pub struct Scope {
    /// Who is calling.
    pub actor: Arc<Actor>,
    /// The request's loaders.
    pub loaders: Arc<Loaders>,
}

/// The request's scope. [`super::Service`] puts it there.
pub fn scope<'a>(ctx: &Context<'a>) -> &'a Scope {
    ctx.data_unchecked::<Scope>()
}

/// Who is calling.
pub fn actor<'a>(ctx: &Context<'a>) -> &'a Actor {
    &scope(ctx).actor
}

/// Loads one value through the request's loader of type `B`.
///
/// # Errors
/// What the batch failed with.
pub async fn load<B: Batch>(
    ctx: &Context<'_>,
    batch: impl FnOnce() -> B,
    key: B::Key,
) -> Result<Option<B::Value>, Error> {
    scope(ctx).loaders.load(batch, key).await
}
