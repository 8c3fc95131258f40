//! Quotas: how much of each meter an account has used and holds.
//!
//! Limits are checked by the statement that takes: two callers can never pass together what only
//! one of them may.

use atelier_kit::{
    db::{Connection, Tx},
    error::Error,
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use crate::kinds::Meter;

/// A quota as it stands.
#[derive(Debug, Clone, QueryableByName)]
pub struct QuotaRow {
    #[diesel(sql_type = Text)]
    pub meter: Meter,
    /// Null: unlimited.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub amount: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub used: i64,
    #[diesel(sql_type = BigInt)]
    pub reserved: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub resets_at: Option<DateTime<Utc>>,
}

impl QuotaRow {
    /// What is left; null if there is no limit.
    pub fn remaining(&self) -> Option<i64> {
        self.amount.map(|limit| {
            limit
                .saturating_sub(self.used)
                .saturating_sub(self.reserved)
                .max(0)
        })
    }
}

/// The plan that account `a` enjoys at `$now`: a paid one falls back when it has run out.
macro_rules! plan_at {
    ($now:literal) => {
        concat!(
            "(CASE WHEN a.plan_expires_at <= ",
            $now,
            " THEN 'FREE' ELSE a.plan END)"
        )
    };
}

/// `used` of `q` at `$now`, where a monthly meter may have started anew.
macro_rules! used_at {
    ($now:literal) => {
        concat!(
            "(CASE WHEN q.resets_at <= ",
            $now,
            " THEN 0 ELSE q.used END)"
        )
    };
}

/// When `q` starts anew, seen from `$now`: the first of the next month, UTC.
macro_rules! reset_after {
    ($now:literal) => {
        concat!(
            "(CASE WHEN NOT p.monthly THEN NULL WHEN q.resets_at > ",
            $now,
            " THEN q.resets_at ",
            "ELSE (date_trunc('month', ",
            $now,
            " AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' END)"
        )
    };
}

/// Makes sure that an account has a row for a meter; false if there is no such account.
pub async fn ensure(tx: &mut Tx, account: Id<User>, meter: Meter) -> Result<bool, Error> {
    let inserted = diesel::sql_query(
        "INSERT INTO accounts.quota (account_id, meter) SELECT id, $2 FROM accounts.account WHERE id = $1 AND status <> 'DELETED' \
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(account)
    .bind::<Text, _>(meter)
    .execute(tx)
    .await?;
    Ok(inserted > 0)
}

/// Takes `amount` out of what is left and holds it; `None` if less is left, or if the row is missing.
pub async fn hold(
    tx: &mut Tx,
    account: Id<User>,
    meter: Meter,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<Option<QuotaRow>, Error> {
    let rows: Vec<QuotaRow> = diesel::sql_query(concat!(
        "UPDATE accounts.quota q SET reserved = q.reserved + $3, used = ", used_at!("$4"), ", resets_at = ", reset_after!("$4"), " \
         FROM accounts.account a JOIN accounts.plan_quota p ON p.plan = ", plan_at!("$4"), " \
         WHERE q.account_id = $1 AND q.meter = $2 AND a.id = q.account_id AND p.meter = q.meter \
         AND (p.amount IS NULL OR ", used_at!("$4"), " + q.reserved + $3 <= p.amount + q.bonus) \
         RETURNING q.meter, CASE WHEN p.amount IS NOT NULL THEN greatest(p.amount + q.bonus, 0) END AS amount, q.used, q.reserved, q.resets_at"
    ))
    .bind::<SqlUuid, _>(account)
    .bind::<Text, _>(meter)
    .bind::<BigInt, _>(amount)
    .bind::<Timestamptz, _>(now)
    .load(tx)
    .await?;
    Ok(rows.into_iter().next())
}

/// Moves amounts: `reserved` and `used` change by as much, which may be negative.
pub async fn shift(
    tx: &mut Tx,
    account: Id<User>,
    meter: Meter,
    reserved: i64,
    used: i64,
    now: DateTime<Utc>,
) -> Result<Option<QuotaRow>, Error> {
    // A refund of something used in a past month may exceed what this month has seen.
    let rows: Vec<QuotaRow> = diesel::sql_query(concat!(
        "UPDATE accounts.quota q SET reserved = q.reserved + $3, used = greatest(", used_at!("$5"), " + $4, 0), \
         resets_at = ", reset_after!("$5"), " \
         FROM accounts.account a JOIN accounts.plan_quota p ON p.plan = ", plan_at!("$5"), " \
         WHERE q.account_id = $1 AND q.meter = $2 AND a.id = q.account_id AND p.meter = q.meter \
         RETURNING q.meter, CASE WHEN p.amount IS NOT NULL THEN greatest(p.amount + q.bonus, 0) END AS amount, q.used, q.reserved, q.resets_at"
    ))
    .bind::<SqlUuid, _>(account)
    .bind::<Text, _>(meter)
    .bind::<BigInt, _>(reserved)
    .bind::<BigInt, _>(used)
    .bind::<Timestamptz, _>(now)
    .load(tx)
    .await?;
    Ok(rows.into_iter().next())
}

/// Sets what an account has on top of its plan; tells what it had before.
pub async fn set_bonus(
    tx: &mut Tx,
    account: Id<User>,
    meter: Meter,
    bonus: i64,
) -> Result<Option<i64>, Error> {
    #[derive(QueryableByName)]
    struct Before {
        #[diesel(sql_type = BigInt)]
        bonus: i64,
    }
    let rows: Vec<Before> = diesel::sql_query(
        "UPDATE accounts.quota q SET bonus = $3 FROM (SELECT bonus FROM accounts.quota WHERE account_id = $1 AND meter = $2 FOR UPDATE) old \
         WHERE q.account_id = $1 AND q.meter = $2 RETURNING old.bonus",
    )
    .bind::<SqlUuid, _>(account)
    .bind::<Text, _>(meter)
    .bind::<BigInt, _>(bonus)
    .load(tx)
    .await?;
    Ok(rows.into_iter().next().map(|before| before.bonus))
}

/// All quotas of an account, in the order of their names.
pub async fn of_account(
    connection: &mut Connection,
    account: Id<User>,
    now: DateTime<Utc>,
) -> Result<Vec<QuotaRow>, Error> {
    Ok(diesel::sql_query(concat!(
        "SELECT p.meter, CASE WHEN p.amount IS NOT NULL THEN greatest(p.amount + coalesce(q.bonus, 0), 0) END AS amount, \
         coalesce(", used_at!("$2"), ", 0) AS used, coalesce(q.reserved, 0) AS reserved, ", reset_after!("$2"), " AS resets_at \
         FROM accounts.account a JOIN accounts.plan_quota p ON p.plan = ", plan_at!("$2"), " \
         LEFT JOIN accounts.quota q ON q.account_id = a.id AND q.meter = p.meter \
         WHERE a.id = $1 ORDER BY p.meter"
    ))
    .bind::<SqlUuid, _>(account)
    .bind::<Timestamptz, _>(now)
    .load(connection)
    .await?)
}
