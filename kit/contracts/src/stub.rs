//! References to entities of other domains. They hold only the key; the router fetches the rest.

use async_graphql::SimpleObject;
use atelier_kit::id::{self, Id};

use crate::media;

/// A person or bot with an account.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(unresolvable = "id")]
pub struct User {
    /// The user's id.
    pub id: Id<id::User>,
}

/// A unit of background work.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(unresolvable = "id")]
pub struct Task {
    /// The task's id.
    pub id: Id<id::Task>,
}

/// A stored file.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(unresolvable = "id")]
pub struct Asset {
    /// The file's id.
    pub id: Id<media::Asset>,
}
