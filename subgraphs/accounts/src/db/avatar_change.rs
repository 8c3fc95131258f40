//! Pictures of which media must hear, or hear again, whether a profile shows them.

use atelier_contracts::media::Asset;
use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::tables::avatar_change;

/// A change that is being settled.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct ClaimedChange {
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Id<User>,
    #[diesel(sql_type = SqlUuid)]
    pub asset_id: Id<Asset>,
    #[diesel(sql_type = SqlUuid)]
    pub token: Uuid,
    /// Whether the profile shows the picture now.
    #[diesel(sql_type = Bool)]
    pub is_avatar: bool,
}

/// Notes a change that is to be settled from `due_at` on. Whoever settles an earlier one of the same
/// picture settles this one, too.
pub async fn note(
    tx: &mut Tx,
    account: Id<User>,
    asset: Id<Asset>,
    token: Uuid,
    due_at: DateTime<Utc>,
) -> Result<(), Error> {
    let latest = (
        avatar_change::token.eq(token),
        avatar_change::due_at.eq(due_at),
    );
    diesel::insert_into(avatar_change::table)
        .values((
            avatar_change::account_id.eq(account),
            avatar_change::asset_id.eq(asset),
            latest,
        ))
        .on_conflict((avatar_change::account_id, avatar_change::asset_id))
        .do_update()
        .set(latest)
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes up to `limit` due changes, of one account or of all, that nobody settles; until `until`, nobody
/// else takes them.
pub async fn claim(
    tx: &mut Tx,
    account: Option<Id<User>>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ClaimedChange>, Error> {
    // A profile that changes after its picture was read here notes that with a token of its own, which
    // the end of this claim finds.
    diesel::sql_query(
        "WITH due AS (SELECT account_id, asset_id FROM accounts.avatar_change \
         WHERE due_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2) \
         AND ($1 IS NULL OR account_id = $1) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) \
         UPDATE accounts.avatar_change change SET claimed_until = $3 \
         FROM due JOIN accounts.account ON account.id = due.account_id \
         WHERE change.account_id = due.account_id AND change.asset_id = due.asset_id \
         RETURNING change.account_id, change.asset_id, change.token, \
         account.avatar_id IS NOT DISTINCT FROM change.asset_id AS is_avatar",
    )
    .bind::<Nullable<SqlUuid>, _>(account)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(until)
    .bind::<BigInt, _>(limit)
    .load(tx)
    .await
    .map_err(Into::into)
}

/// Forgets a change that is settled; `false` if there was a later one meanwhile, which can be claimed now.
pub async fn finish(tx: &mut Tx, change: &ClaimedChange) -> Result<bool, Error> {
    let row = avatar_change::table.find((change.account_id, change.asset_id));
    let finished = diesel::delete(row.filter(avatar_change::token.eq(change.token)))
        .execute(tx)
        .await?;
    if finished == 0 {
        diesel::update(row)
            .set(avatar_change::claimed_until.eq(None::<DateTime<Utc>>))
            .execute(tx)
            .await?;
    }
    Ok(finished > 0)
}

/// Forgets a change that did not come about, unless there was a later one.
pub async fn delete(
    tx: &mut Tx,
    account: Id<User>,
    asset: Id<Asset>,
    token: Uuid,
) -> Result<(), Error> {
    let row = avatar_change::table.find((account, asset));
    diesel::delete(row.filter(avatar_change::token.eq(token)))
        .execute(tx)
        .await?;
    Ok(())
}
