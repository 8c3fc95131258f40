//! Who belongs to the groups to which assets are shown.

use std::collections::{BTreeMap, BTreeSet};

use atelier_contracts::audience::WireId;
use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use crate::tables::deleted_group;

/// What was told about one user's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub revision: i64,
    pub is_member: bool,
}

/// Memberships by group and user, in the order in which rows are written everywhere, so that two
/// transactions cannot wait for each other.
pub type Memberships = BTreeMap<(WireId, Id<User>), Told>;

/// Notes memberships. What is older than what is known changes nothing; of two that are equally old,
/// the one that takes access away counts.
pub async fn set_members(
    tx: &mut Tx,
    memberships: &Memberships,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if memberships.is_empty() {
        return Ok(());
    }
    let groups: Vec<_> = memberships
        .keys()
        .map(|(group, _)| group.as_str())
        .collect();
    let users: Vec<_> = memberships.keys().map(|(_, user)| *user).collect();
    let members: Vec<_> = memberships.values().map(|told| told.is_member).collect();
    let revisions: Vec<_> = memberships.values().map(|told| told.revision).collect();
    diesel::sql_query(
        "INSERT INTO media.group_member AS known (group_id, user_id, is_member, revision, changed_at) \
         SELECT told.*, $5 FROM unnest($1, $2, $3, $4) AS told (group_id, user_id, is_member, revision) \
         ON CONFLICT (group_id, user_id) DO UPDATE SET \
         is_member = excluded.is_member, revision = excluded.revision, changed_at = excluded.changed_at \
         WHERE known.revision < excluded.revision \
         OR (known.revision = excluded.revision AND known.is_member AND NOT excluded.is_member)",
    )
    .bind::<Array<Text>, _>(groups)
    .bind::<Array<SqlUuid>, _>(users)
    .bind::<Array<Bool>, _>(members)
    .bind::<Array<BigInt>, _>(revisions)
    .bind::<Timestamptz, _>(at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes groups as deleted; those that already are stay as they are.
pub async fn set_deleted(
    tx: &mut Tx,
    groups: &BTreeSet<WireId>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if groups.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                deleted_group::group_id.eq(group.as_str()),
                deleted_group::deleted_at.eq(at),
            )
        })
        .collect();
    diesel::insert_into(deleted_group::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets up to `limit` memberships of a user; tells how many.
pub async fn delete_of_user(tx: &mut Tx, user: Id<User>, limit: i64) -> Result<usize, Error> {
    Ok(diesel::sql_query(
        "DELETE FROM media.group_member WHERE (group_id, user_id) IN (\
         SELECT group_id, user_id FROM media.group_member WHERE user_id = $1 \
         ORDER BY group_id LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<BigInt, _>(limit)
    .execute(tx)
    .await?)
}

/// Forgets up to `limit` memberships of deleted groups; tells how many.
pub async fn delete_of_deleted_groups(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    Ok(diesel::sql_query(
        "DELETE FROM media.group_member WHERE (group_id, user_id) IN (\
         SELECT group_id, user_id FROM media.group_member \
         JOIN media.deleted_group USING (group_id) LIMIT $1 FOR UPDATE OF group_member SKIP LOCKED)",
    )
    .bind::<BigInt, _>(limit)
    .execute(tx)
    .await?)
}

/// Forgets up to `limit` memberships that ended before `before`; tells how many.
pub async fn delete_former(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<usize, Error> {
    Ok(diesel::sql_query(
        "DELETE FROM media.group_member WHERE (group_id, user_id) IN (\
         SELECT group_id, user_id FROM media.group_member \
         WHERE NOT is_member AND changed_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(tx)
    .await?)
}

/// Forgets up to `limit` groups that were deleted before `before`; tells how many.
pub async fn delete_deleted(
    tx: &mut Tx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, Error> {
    Ok(diesel::sql_query(
        "DELETE FROM media.deleted_group WHERE group_id IN (\
         SELECT group_id FROM media.deleted_group gone WHERE deleted_at < $1 \
         AND NOT EXISTS (SELECT FROM media.group_member WHERE group_id = gone.group_id) \
         AND NOT EXISTS (SELECT FROM media.asset_audience WHERE audience = gone.group_id AND audience <> 'public') \
         LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(limit)
    .execute(tx)
    .await?)
}
