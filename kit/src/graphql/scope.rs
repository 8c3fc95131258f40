//! What one request carries through its resolvers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

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
    /// Whether the request has done its one piece of costly work.
    costly: AtomicBool,
}

impl Scope {
    /// A new request of `actor`.
    pub fn new(actor: Arc<Actor>) -> Self {
        Self {
            actor,
            ..Self::default()
        }
    }

    /// Whether this is the request's first piece of work that is costly by design, such as hashing a
    /// password. There is to be only one: aliases would multiply it.
    pub fn first_costly(&self) -> bool {
        !self.costly.swap(true, Ordering::Relaxed)
    }
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
