//! Leasing tasks to workers.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    db::Connection,
    id::{Id, Task, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{
        Array, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

/// An owner with waiting tasks in a queue.
#[derive(Debug, Clone, QueryableByName)]
pub struct LaneRow {
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = SqlUuid)]
    pub lane: Uuid,
    /// Priority of the lane's next task.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Since when the lane's next task may start.
    #[diesel(sql_type = Timestamptz)]
    pub run_at: DateTime<Utc>,
}

/// The most lanes that one lease looks at.
pub const LANES: usize = 256;

/// Which owners have tasks waiting that the worker can do, in the queues that are not paused, from
/// owner `from` on.
///
/// It hops from owner to owner over the index, so it costs one probe per owner however many tasks
/// each of them has.
pub async fn lanes(
    connection: &mut Connection,
    queues: &[String],
    ability: &Ability<'_>,
    from: Uuid,
) -> diesel::QueryResult<Vec<LaneRow>> {
    let types = ability.types();
    let statement = format!(
        "SELECT q.queue, h.lane, h.priority, h.run_at FROM unnest($1) AS q (queue) \
         CROSS JOIN LATERAL ( \
            WITH RECURSIVE hop AS ( \
                (SELECT t.lane FROM tasks.task t WHERE t.status = 'QUEUED' AND t.queue = q.queue AND t.lane >= $2 ORDER BY t.lane LIMIT 1) \
                UNION ALL \
                SELECT (SELECT t.lane FROM tasks.task t WHERE t.status = 'QUEUED' AND t.queue = q.queue AND t.lane > hop.lane \
                    ORDER BY t.lane LIMIT 1) FROM hop WHERE hop.lane IS NOT NULL) \
            SELECT lane FROM hop WHERE lane IS NOT NULL LIMIT {LANES}) l \
         CROSS JOIN LATERAL (SELECT t.lane, t.priority, t.run_at FROM tasks.task t \
            WHERE t.status = 'QUEUED' AND t.queue = q.queue AND t.lane = l.lane {types} \
            AND t.requires <@ $3 ORDER BY t.rank, t.id LIMIT 1) h \
         WHERE NOT EXISTS (SELECT FROM tasks.queue p WHERE p.name = q.queue AND p.paused_at IS NOT NULL)"
    );
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(queues)
        .bind::<SqlUuid, _>(from)
        .bind::<Jsonb, _>(ability.capabilities)
        .bind::<Array<Text>, _>(ability.types.unwrap_or_default())
        .load(connection)
        .await
}

/// What a worker can do.
#[derive(Debug, Clone)]
pub struct Ability<'a> {
    /// Types it knows; `None` for all.
    pub types: Option<&'a [String]>,
    /// What it has: a task is leased only if everything it requires is in here.
    pub capabilities: &'a Value,
}

impl Ability<'_> {
    /// The condition on types; the types themselves are parameter `$4`.
    const fn types(&self) -> &'static str {
        if self.types.is_some() {
            "AND t.type = ANY($4)"
        } else {
            ""
        }
    }
}

/// How many tasks to take from which lanes.
#[derive(Debug, Clone)]
pub struct Share {
    /// The queue.
    pub queue: String,
    /// The owner's lane in it.
    pub lane: Uuid,
    /// At most so many tasks.
    pub take: i32,
}

/// When leases begin and run out.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub now: DateTime<Utc>,
    pub expires: DateTime<Utc>,
}

/// A task that was just leased.
#[derive(Debug, Clone, QueryableByName)]
pub struct LeasedRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = SqlUuid)]
    pub lane: Uuid,
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    #[diesel(sql_type = Timestamptz)]
    pub run_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner: Option<Id<User>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub subject: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub parent: Option<Id<Task>>,
    #[diesel(sql_type = Jsonb)]
    pub payload: Value,
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    #[diesel(sql_type = SmallInt)]
    pub max_attempts: i16,
    #[diesel(sql_type = Integer)]
    pub revision: i32,
    #[diesel(sql_type = SqlUuid)]
    pub lease_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub lease_expires_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    pub trace: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
}

impl LeasedRow {
    /// The same as a change of state.
    pub fn changed(&self) -> super::Changed {
        super::Changed {
            id: self.id,
            task_type: self.task_type.clone(),
            queue: self.queue.clone(),
            status: TaskStatus::Running,
            owner: self.owner,
            subject: self.subject.clone(),
            parent: self.parent,
            attempt: self.attempt,
            revision: self.revision,
            progress: 0.0,
            progress_seq: 0,
            current_step: None,
            result: None,
            error_code: None,
            error_message: None,
            started_at: Some(self.started_at),
        }
    }
}

/// Leases the next tasks of each share. What another worker is just taking is passed over.
///
/// Where `told` is false, the commit does not wait for the disk. If the server crashes before it is
/// written, the tasks wait as before and the leases are unknown, as if they had run out: whoever
/// holds one changes nothing with it. A later commit that waits, such as that of an end, writes it
/// too.
pub async fn lease(
    tx: &mut Tx,
    shares: &[Share],
    ability: &Ability<'_>,
    worker: Option<Uuid>,
    times: Times,
    told: bool,
) -> diesel::QueryResult<Vec<LeasedRow>> {
    let types = ability.types();
    let commit = if told {
        ""
    } else {
        "CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS not_awaited"
    };
    // A single share is by far the most frequent case, and the planner wants to see its limit: with
    // a parameter it reckons with a tenth of the table.
    let limit = match shares {
        [only] => only.take.to_string(),
        _ => "s.take".to_owned(),
    };
    let statement = format!(
        "WITH picked AS MATERIALIZED (SELECT p.id FROM unnest($1, $2, $3) AS s (queue, lane, take) {commit} CROSS JOIN LATERAL \
            (SELECT t.id FROM tasks.task t WHERE t.status = 'QUEUED' AND t.queue = s.queue AND t.lane = s.lane {types} \
             AND t.requires <@ $5 ORDER BY t.rank, t.id LIMIT {limit} FOR UPDATE SKIP LOCKED) p) \
         UPDATE tasks.task t SET status = 'RUNNING', attempt = t.attempt + 1, revision = t.revision + 1, \
            lease_id = gen_random_uuid(), lease_expires_at = $6, worker = $7, started_at = $8, \
            progress = 0, progress_seq = 0, current_step = NULL, eta_ms = NULL, eta_at = NULL \
         FROM picked WHERE t.id = picked.id \
         RETURNING t.id, t.type, t.queue, t.lane, t.priority, t.run_at, t.owner, t.subject, t.parent, t.payload, t.attempt, \
            t.max_attempts, t.revision, t.lease_id, t.lease_expires_at, t.trace, t.started_at"
    );
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(
            shares
                .iter()
                .map(|share| share.queue.as_str())
                .collect::<Vec<_>>(),
        )
        .bind::<Array<SqlUuid>, _>(shares.iter().map(|share| share.lane).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(shares.iter().map(|share| share.take).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(ability.types.unwrap_or_default())
        .bind::<Jsonb, _>(ability.capabilities)
        .bind::<Timestamptz, _>(times.expires)
        .bind::<Nullable<SqlUuid>, _>(worker)
        .bind::<Timestamptz, _>(times.now)
        .load(tx)
        .await
}

/// What a heartbeat tells about a lease that still holds.
#[derive(Debug, Clone, QueryableByName)]
pub struct HeldRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = SqlUuid)]
    pub lease_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub lease_expires_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    pub cancel_requested: bool,
    #[diesel(sql_type = Integer)]
    pub revision: i32,
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    #[diesel(sql_type = Integer)]
    pub progress_seq: i32,
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
}

/// Extends leases; those that are lost are not in the answer. A lease of a task that is to be
/// cancelled is not extended, so that a worker that will not listen loses it.
pub async fn heartbeat(
    tx: &mut Tx,
    leases: &[Uuid],
    expires: DateTime<Utc>,
) -> diesel::QueryResult<Vec<HeldRow>> {
    diesel::sql_query(
        "UPDATE tasks.task t SET lease_expires_at = \
            CASE WHEN t.cancel_requested_at IS NULL THEN greatest($2, t.lease_expires_at) ELSE t.lease_expires_at END \
         WHERE t.lease_id = ANY($1) \
         RETURNING t.id, t.lease_id, t.lease_expires_at, t.cancel_requested_at IS NOT NULL AS cancel_requested, \
            t.revision, t.attempt, t.progress_seq, coalesce(t.started_at, t.created_at) AS started_at",
    )
    .bind::<Array<SqlUuid>, _>(leases)
    .bind::<Timestamptz, _>(expires)
    .load(tx)
    .await
}

/// Sets tasks free again as if they had not been leased: their worker is going away.
pub async fn release(tx: &mut Tx, leases: &[Uuid]) -> diesel::QueryResult<Vec<super::Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET status = CASE WHEN t.cancel_requested_at IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END, \
            finished_at = t.cancel_requested_at, attempt = t.attempt - 1, revision = t.revision + 1, \
            lease_id = NULL, lease_expires_at = NULL, worker = NULL, progress = 0, progress_seq = 0, current_step = NULL \
         WHERE t.lease_id = ANY($1) RETURNING {}",
        super::task::CHANGED
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(leases)
        .load(tx)
        .await
}

/// Who holds a lease, and what becomes of it.
#[derive(Debug, Clone, QueryableByName)]
pub struct HolderRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub access_token: Option<Uuid>,
    /// Whether the holder's credential is bound to this queue, type and owner still.
    #[diesel(sql_type = Bool)]
    pub granted: bool,
    /// What the result must look like.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub shape: Option<Value>,
}

/// The holder of a lease; `None` if nobody holds it.
pub async fn holder(
    connection: &mut Connection,
    lease: Uuid,
) -> diesel::QueryResult<Option<HolderRow>> {
    let found: Vec<HolderRow> = diesel::sql_query(
        "SELECT w.access_token, s.shape, coalesce(t.queue = ANY(g.queues) AND t.type = ANY(g.types) \
            AND (g.owner IS NULL OR g.owner = t.owner), false) AS granted \
         FROM tasks.task t JOIN tasks.worker w ON w.id = t.worker \
         LEFT JOIN tasks.worker_grant g ON g.access_token = w.access_token \
         LEFT JOIN tasks.result_shape s ON s.type = t.type WHERE t.lease_id = $1",
    )
    .bind::<SqlUuid, _>(lease)
    .load(connection)
    .await?;
    Ok(found.into_iter().next())
}
