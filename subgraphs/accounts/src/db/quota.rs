//! Quotas: the amount of each meter that an account has used and reserved.
//!
//! Limits are checked by the statement that reserves an amount, so two callers at the same time can
//! never exceed them together.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use crate::kinds::Meter;

/// The current state of a quota.
#[derive(Debug, Clone, QueryableByName)]
pub struct QuotaRow {
    #[diesel(sql_type = Text)]
    pub meter: Meter,
    /// The limit; `None` if it is unlimited.
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
    /// The amount that is left; `None` if it is unlimited.
    pub fn remaining(&self) -> Option<i64> {
        self.amount.map(|limit| {
            limit
                .saturating_sub(self.used)
                .saturating_sub(self.reserved)
                .max(0)
        })
    }
}

/// The plan of account `a` at `$now`: the free plan, once a paid one has expired.
macro_rules! plan_at {
    ($now:literal) => {
        concat!(
            "(CASE WHEN a.plan_expires_at <= ",
            $now,
            " THEN 'FREE' ELSE a.plan END)"
        )
    };
}

/// The `used` of `q` at `$now`, after any reset of a monthly meter.
macro_rules! used_at {
    ($now:literal) => {
        concat!(
            "(CASE WHEN q.resets_at <= ",
            $now,
            " THEN 0 ELSE q.used END)"
        )
    };
}

/// The next reset of `q` after `$now`: the first of the next month, UTC.
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

/// Makes sure that an account has a row for a meter; true if one was inserted.
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

/// Reserves `amount`; `None` if less is left, or if the row does not exist.
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

/// Adds to `reserved` and to `used`; either amount may be negative.
pub async fn shift(
    tx: &mut Tx,
    account: Id<User>,
    meter: Meter,
    reserved: i64,
    used: i64,
    now: DateTime<Utc>,
) -> Result<Option<QuotaRow>, Error> {
    // A refund of what was used in a past month may exceed what was used in this one.
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

/// Sets the amount that an account has in addition to its plan; returns the previous one.
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

/// All quotas of an account, sorted by meter.
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
