//! What external workers may do, as administrators see it.

use async_graphql::{InputObject, Json, SimpleObject};
use atelier_kit::id::{AccessToken, Id, User};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::task::UserReference;
use crate::{
    app::grant::NewGrant,
    db::grant::{GrantRow, ShapeRow},
};

/// What the credential of external workers is bound to.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkerGrant {
    /// The access token or API key.
    pub access_token_id: Id<AccessToken>,
    /// The queues it may lease from, at most 50.
    pub queues: Vec<String>,
    /// The types of tasks it may lease, at most 200.
    pub types: Vec<String>,
    /// Only tasks of this user; null for everybody's.
    pub owner: Option<UserReference>,
    /// Who granted it.
    pub granted_by: Option<UserReference>,
    /// When.
    pub granted_at: DateTime<Utc>,
}

impl From<GrantRow> for WorkerGrant {
    fn from(row: GrantRow) -> Self {
        Self {
            access_token_id: Id::from_uuid(row.access_token),
            queues: row.queues,
            types: row.types,
            owner: row.owner.map(|id| UserReference { id }),
            granted_by: Some(UserReference { id: row.granted_by }),
            granted_at: row.granted_at,
        }
    }
}

/// What a credential is to be bound to.
#[derive(InputObject)]
pub struct WorkerGrantSetInput {
    /// The access token or API key; what it was bound to before counts no more.
    access_token_id: Id<AccessToken>,
    /// The queues it may lease from, 1 to 50; none that the system itself works on.
    queues: Vec<String>,
    /// The types of tasks it may lease, 1 to 200; what their results look like is declared before.
    types: Vec<String>,
    /// Only tasks of this user.
    owner_id: Option<Id<User>>,
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

/// Which credential.
#[derive(InputObject)]
pub struct WorkerGrantRemoveInput {
    /// The access token or API key.
    pub access_token_id: Id<AccessToken>,
}

/// What the results of a type of task look like.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskResultShape {
    /// The type of task.
    #[graphql(name = "type")]
    pub task_type: String,
    /// What results look like, in some words of JSON Schema.
    pub shape: Json<Value>,
    /// Since when.
    pub declared_at: DateTime<Utc>,
}

impl From<ShapeRow> for TaskResultShape {
    fn from(row: ShapeRow) -> Self {
        Self {
            task_type: row.task_type,
            shape: Json(row.shape),
            declared_at: row.declared_at,
        }
    }
}

/// What the results of a type of task are to look like.
#[derive(InputObject)]
pub struct TaskResultDeclareInput {
    /// The type of task.
    #[graphql(name = "type")]
    pub task_type: String,
    /// What results look like, in these words of JSON Schema: type, enum, properties, required,
    /// additionalProperties, items, minimum, maximum, minLength, maxLength, minItems, maxItems. At most
    /// 8 KiB; an empty object takes anything.
    pub result: Json<Value>,
}
