//! What external workers may do, as administrators see it.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_contracts::stub::User;
use atelier_kit::{
    graphql::{actor, mutation},
    id::{self, AccessToken, Id},
    payload,
};
use chrono::{DateTime, Utc};

use super::engine;
use crate::{
    app::{self, grant::NewGrant},
    db::grant::GrantRow,
    error::TaskUserError,
};

/// The queues and types of tasks that external workers with a certain credential may lease.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkerGrant {
    /// The id of the credential: an access token or API key.
    pub access_token_id: Id<AccessToken>,
    /// The queues that its workers may lease from, at most 50.
    pub queues: Vec<String>,
    /// The types of tasks that its workers may lease, at most 200.
    pub types: Vec<String>,
    /// The user whose tasks its workers may lease; null if they may lease those of all users and of none.
    pub owner: Option<User>,
    /// The administrator who made the grant; null if their account was deleted.
    pub granted_by: Option<User>,
    /// The time when the grant was made.
    pub granted_at: DateTime<Utc>,
}

impl From<GrantRow> for WorkerGrant {
    fn from(row: GrantRow) -> Self {
        Self {
            access_token_id: Id::from_uuid(row.access_token),
            queues: row.queues,
            types: row.types,
            owner: row.owner.map(|id| User { id }),
            granted_by: row.granted_by.map(|id| User { id }),
            granted_at: row.granted_at,
        }
    }
}

/// The input of `workerGrantSet`.
#[derive(InputObject)]
pub struct WorkerGrantSetInput {
    /// The id of the credential: an access token or API key. Its previous grant is replaced.
    access_token_id: Id<AccessToken>,
    /// The queues that its workers may lease from, 1 to 50. Queues that the system itself works on
    /// cannot be granted.
    queues: Vec<String>,
    /// The types of tasks that its workers may lease, 1 to 200. Each must have been declared with
    /// `taskResultDeclare`.
    types: Vec<String>,
    /// The user whose tasks its workers may lease; by default, those of all users and of none.
    owner_id: Option<Id<id::User>>,
}

impl From<WorkerGrantSetInput> for NewGrant {
    fn from(input: WorkerGrantSetInput) -> Self {
        Self {
            token: input.access_token_id,
            queues: input.queues,
            types: input.types,
            owner: input.owner_id,
        }
    }
}

/// The input of `workerGrantRemove`.
#[derive(InputObject)]
pub struct WorkerGrantRemoveInput {
    /// The id of the credential: an access token or API key.
    access_token_id: Id<AccessToken>,
}

payload! {
    /// The result of granting queues and types to a credential.
    pub struct WorkerGrantSetPayload, TaskUserError {
        /// The new grant.
        grant: WorkerGrant,
    }

    /// The result of removing a credential's grant.
    pub struct WorkerGrantRemovePayload, TaskUserError {
        /// The id of the credential, which may lease nothing any more.
        access_token_id: Id<AccessToken>,
    }
}

/// How grants are found.
#[derive(Default)]
pub struct GrantQuery;

#[Object]
impl GrantQuery {
    /// The grants of external workers' credentials, newest first; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grants(&self, ctx: &Context<'_>) -> Result<Vec<WorkerGrant>> {
        let rows = app::grant::list(engine(ctx), actor(ctx)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

/// How grants are changed.
#[derive(Default)]
pub struct GrantMutation;

#[Object]
impl GrantMutation {
    /// Grants queues and types of tasks to a credential of external workers.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grant_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential and what to grant it.")] input: WorkerGrantSetInput,
    ) -> Result<WorkerGrantSetPayload> {
        let set = app::grant::set(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, set.map(Into::into))
    }

    /// Removes a credential's grant. Its workers can lease nothing more, and the tasks that they hold go
    /// to others when the leases expire.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn worker_grant_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential whose grant to remove.")] input: WorkerGrantRemoveInput,
    ) -> Result<WorkerGrantRemovePayload> {
        let removed = app::grant::remove(engine(ctx), actor(ctx), input.access_token_id).await;
        mutation(ctx, removed)
    }
}
