//! How long tasks of each type take.

use atelier_kit::{actor::Actor, error::Error};

use super::ADMIN;
use crate::{
    db::{self, task_type::TypeRow},
    engine::Engine,
};

/// The types of which tasks have succeeded.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<TypeRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().read().await?;
    Ok(db::task_type::list(&mut connection, None).await?)
}

loader!(
    /// Types by name.
    Types: String => TypeRow,
    |connection, keys| db::task_type::list(connection, Some(&keys)),
    |rows| rows.into_iter().map(|row| (row.name.clone(), row)).collect()
);
