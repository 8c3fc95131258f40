//! Schedules.

use atelier_kit::{db::Connection, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Bool, Jsonb, Nullable, SmallInt, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::kinds::MissedRuns;

/// A task that is asked for again and again.
#[derive(Debug, Clone, QueryableByName)]
pub struct ScheduleRow {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub cron: String,
    #[diesel(sql_type = Text)]
    pub timezone: String,
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    #[diesel(sql_type = Jsonb)]
    pub payload: Value,
    #[diesel(sql_type = SmallInt)]
    pub max_attempts: i16,
    #[diesel(sql_type = Text)]
    pub missed_runs: MissedRuns,
    #[diesel(sql_type = Bool)]
    pub overlap: bool,
    #[diesel(sql_type = Bool)]
    pub enabled: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_run_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_run_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

/// The most schedules there can be.
pub const MOST: i64 = 500;

/// All schedules by name.
pub async fn list(connection: &mut Connection) -> diesel::QueryResult<Vec<ScheduleRow>> {
    diesel::sql_query(format!(
        "SELECT * FROM tasks.schedule ORDER BY name LIMIT {MOST}"
    ))
    .load(connection)
    .await
}

/// Writes a schedule; what it last ran is kept.
pub async fn upsert(tx: &mut Tx, schedule: &ScheduleRow) -> diesel::QueryResult<ScheduleRow> {
    diesel::sql_query(
        "INSERT INTO tasks.schedule AS s (name, cron, timezone, type, queue, priority, payload, max_attempts, missed_runs, overlap, enabled, \
            next_run_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, type = excluded.type, queue = excluded.queue, \
            priority = excluded.priority, payload = excluded.payload, max_attempts = excluded.max_attempts, \
            missed_runs = excluded.missed_runs, overlap = excluded.overlap, enabled = excluded.enabled, \
            next_run_at = CASE WHEN s.enabled AND excluded.enabled AND s.cron = excluded.cron AND s.timezone = excluded.timezone \
                THEN s.next_run_at ELSE excluded.next_run_at END, updated_at = excluded.updated_at \
         RETURNING *",
    )
    .bind::<Text, _>(&schedule.name)
    .bind::<Text, _>(&schedule.cron)
    .bind::<Text, _>(&schedule.timezone)
    .bind::<Text, _>(&schedule.task_type)
    .bind::<Text, _>(&schedule.queue)
    .bind::<SmallInt, _>(schedule.priority)
    .bind::<Jsonb, _>(&schedule.payload)
    .bind::<SmallInt, _>(schedule.max_attempts)
    .bind::<Text, _>(schedule.missed_runs)
    .bind::<Bool, _>(schedule.overlap)
    .bind::<Bool, _>(schedule.enabled)
    .bind::<Nullable<Timestamptz>, _>(schedule.next_run_at)
    .bind::<Timestamptz, _>(schedule.updated_at)
    .get_result(tx)
    .await
}

/// Removes a schedule; `false` if there was none of that name.
pub async fn delete(tx: &mut Tx, name: &str) -> diesel::QueryResult<bool> {
    let deleted = diesel::sql_query("DELETE FROM tasks.schedule WHERE name = $1")
        .bind::<Text, _>(name)
        .execute(tx)
        .await?;
    Ok(deleted > 0)
}

/// Schedules whose time has come, locked; those that another process is at are passed over.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>) -> diesel::QueryResult<Vec<ScheduleRow>> {
    diesel::sql_query(
        "SELECT * FROM tasks.schedule WHERE enabled AND next_run_at <= $1 ORDER BY next_run_at LIMIT 100 FOR UPDATE SKIP LOCKED",
    )
    .bind::<Timestamptz, _>(now)
    .load(tx)
    .await
}

/// Notes when a schedule ran, and when it runs next.
pub async fn advance(
    tx: &mut Tx,
    name: &str,
    last: Option<DateTime<Utc>>,
    next: Option<DateTime<Utc>>,
) -> diesel::QueryResult<()> {
    diesel::sql_query("UPDATE tasks.schedule SET last_run_at = coalesce($2, last_run_at), next_run_at = $3 WHERE name = $1")
        .bind::<Text, _>(name)
        .bind::<Nullable<Timestamptz>, _>(last)
        .bind::<Nullable<Timestamptz>, _>(next)
        .execute(tx)
        .await
        .map(drop)
}
