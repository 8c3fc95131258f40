//! What the results of types of tasks look like.

use atelier_kit::{actor::Actor, error::Error};
use serde_json::Value;

use super::{ADMIN, check};
use crate::{
    db::{self, result_shape::ShapeRow},
    engine::{Engine, MAX_SHAPE, Shape},
    error::Outcome,
};

/// Declares what the results of a type look like, instead of what was declared before.
///
/// # Errors
/// `FORBIDDEN` without the scope; `PAYLOAD_TOO_LARGE`, `INVALID_INPUT`.
pub async fn declare(
    engine: &Engine,
    actor: &Actor,
    task_type: String,
    shape: Value,
) -> Outcome<ShapeRow> {
    actor.require_scope(ADMIN)?;
    check::name(&task_type, "input.type")?;
    check::json(&shape, "input.result", MAX_SHAPE)?;
    Shape::parse(&shape).map_err(|reason| check::invalid("input.result", &reason))?;
    let row = ShapeRow {
        task_type,
        shape,
        declared_at: engine.now(),
    };
    let written: Outcome<()> = engine
        .deps()
        .statement(async |tx| Ok(db::result_shape::declare(tx, &row).await?))
        .await;
    written.map(|()| row)
}

/// All declarations, by type.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<ShapeRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().read().await?;
    Ok(db::result_shape::shapes(&mut connection).await?)
}
