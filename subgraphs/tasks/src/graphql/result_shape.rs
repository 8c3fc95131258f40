//! What the results of types of tasks look like.

use async_graphql::{Context, InputObject, Json, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{actor, mutation},
    payload,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::engine;
use crate::{app, db::result_shape::ShapeRow, error::TaskUserError};

/// The shape that results of a type of task must have.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskResultShape {
    /// The type of task.
    #[graphql(name = "type")]
    pub task_type: String,
    /// The shape of its results, in a subset of JSON Schema.
    pub shape: Json<Value>,
    /// The time when the shape was declared.
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

/// The input of `taskResultDeclare`.
#[derive(InputObject)]
pub struct TaskResultDeclareInput {
    /// The type of task.
    #[graphql(name = "type")]
    task_type: String,
    /// The shape of its results, in these keywords of JSON Schema: type, enum, properties, required,
    /// additionalProperties, items, minimum, maximum, minLength, maxLength, minItems, maxItems. At most
    /// 8 KiB. An empty object accepts any result.
    result: Json<Value>,
}

payload! {
    /// The result of declaring the shape of a type's results.
    pub struct TaskResultDeclarePayload, TaskUserError {
        /// The declared shape.
        result: TaskResultShape,
    }
}

/// How result shapes are found.
#[derive(Default)]
pub struct ResultShapeQuery;

#[Object]
impl ResultShapeQuery {
    /// The declared shapes of results, sorted by type; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_result_shapes(&self, ctx: &Context<'_>) -> Result<Vec<TaskResultShape>> {
        let rows = app::result_shape::list(engine(ctx), actor(ctx)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

/// How result shapes are changed.
#[derive(Default)]
pub struct ResultShapeMutation;

#[Object]
impl ResultShapeMutation {
    /// Declares the shape that results of a type of task must have. External workers cannot complete
    /// tasks of the type with any other result.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn task_result_declare(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The type of task and the shape of its results.")]
        input: TaskResultDeclareInput,
    ) -> Result<TaskResultDeclarePayload> {
        let Json(shape) = input.result;
        let (engine, actor) = (engine(ctx), actor(ctx));
        let declared = app::result_shape::declare(engine, actor, input.task_type, shape).await;
        mutation(ctx, declared.map(Into::into))
    }
}
