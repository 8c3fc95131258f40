//! The context of a request, which all its resolvers share.

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

/// Identifies an operation that a client sent. All requests to subgraphs that are part of it have
/// the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(u64, u64);

impl Default for Operation {
    /// A value of its own, for a request that is part of no operation.
    fn default() -> Self {
        Self(0, u64::from_le_bytes(random_bytes()))
    }
}

impl Operation {
    /// Returns the operation that a caller sent in the request with this id; `None` if the request
    /// does not come from a client.
    ///
    /// Clients choose their request ids, and send many operations over one connection, so neither
    /// the id nor the caller is enough.
    pub fn of(actor: &Actor, request_id: &str) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        request_id.hash(&mut hasher);
        (actor.nonce != 0).then(|| Self(actor.nonce, hasher.finish()))
    }
}

/// The caller and the loaders of one request.
#[derive(Clone, Default)]
pub struct Scope {
    /// The caller.
    pub actor: Arc<Actor>,
    /// The operation that the request is part of.
    pub operation: Operation,
    /// The request's loaders.
    pub loaders: Arc<Loaders>,
}

/// Returns the request's scope, which [`super::Service`] provides.
pub fn scope<'a>(ctx: &Context<'a>) -> &'a Scope {
    ctx.data_unchecked::<Scope>()
}

/// Returns the caller.
pub fn actor<'a>(ctx: &Context<'a>) -> &'a Actor {
    &scope(ctx).actor
}

/// Loads one value through the request's loader of type `B`.
///
/// # Errors
/// The error of the batch.
pub async fn load<B: Batch>(
    ctx: &Context<'_>,
    batch: impl FnOnce() -> B,
    key: B::Key,
) -> Result<Option<B::Value>, Error> {
    scope(ctx).loaders.load(batch, key).await
}
