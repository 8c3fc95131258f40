//! What the results of types of tasks look like.

use atelier_kit::{db::Connection, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Jsonb, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

/// The most shapes that are listed.
const MOST: i64 = 500;

/// What the results of a type look like.
#[derive(Debug, Clone, QueryableByName)]
pub struct ShapeRow {
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Jsonb)]
    pub shape: Value,
    #[diesel(sql_type = Timestamptz)]
    pub declared_at: DateTime<Utc>,
}

/// Declares what results look like, instead of what was declared.
pub async fn declare(tx: &mut Tx, shape: &ShapeRow) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.result_shape (type, shape, declared_at) VALUES ($1, $2, $3) \
         ON CONFLICT (type) DO UPDATE SET shape = excluded.shape, declared_at = excluded.declared_at",
    )
    .bind::<Text, _>(&shape.task_type)
    .bind::<Jsonb, _>(&shape.shape)
    .bind::<Timestamptz, _>(shape.declared_at)
    .execute(tx)
    .await
    .map(drop)
}

/// All declared shapes by type.
pub async fn shapes(connection: &mut Connection) -> diesel::QueryResult<Vec<ShapeRow>> {
    diesel::sql_query(format!(
        "SELECT * FROM tasks.result_shape ORDER BY type LIMIT {MOST}"
    ))
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct Declared {
    #[diesel(sql_type = Text, column_name = "type")]
    task_type: String,
}

/// Those of the types whose results were declared.
pub async fn declared(
    connection: &mut Connection,
    types: &[String],
) -> diesel::QueryResult<Vec<String>> {
    let found: Vec<Declared> =
        diesel::sql_query("SELECT type FROM tasks.result_shape WHERE type = ANY($1)")
            .bind::<Array<Text>, _>(types)
            .load(connection)
            .await?;
    Ok(found.into_iter().map(|row| row.task_type).collect())
}
