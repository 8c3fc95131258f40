//! What one request carries through its resolvers.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use async_graphql::Context;

use crate::{
    actor::Actor,
    clock::random_bytes,
    error::Error,
    loader::{Batch, Loaders},
};

/// What tells apart the operations that clients send: whatever one of them asks of subgraphs, in
/// however many requests, has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(u64, u64);

impl Default for Operation {
    /// One that is like no other: a request of its own.
    fn default() -> Self {
        Self(0, u64::from_le_bytes(random_bytes()))
    }
}

impl Operation {
    /// The operation that a caller sent in a request of this id; `None` where no client has asked.
    ///
    /// A client chooses its request's id and uses a connection for many operations, so neither the id
    /// nor the caller is enough.
    pub fn of(actor: &Actor, request_id: &str) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        request_id.hash(&mut hasher);
        (actor.nonce != 0).then(|| Self(actor.nonce, hasher.finish()))
    }
}

/// The caller and the loaders of one request.
#[derive(Default)]
pub struct Scope {
    /// Who is calling.
    pub actor: Arc<Actor>,
    /// What it belongs to.
    pub operation: Operation,
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
