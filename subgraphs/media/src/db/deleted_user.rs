//! Users whose accounts are gone, until everything of theirs is gone as well.

use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::deleted_user;

/// A deleted user's row.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = deleted_user)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct DeletedUserRow {
    pub user_id: Id<User>,
    pub noted_at: DateTime<Utc>,
    /// When to look next for what is still here.
    pub due_at: DateTime<Utc>,
}

/// Notes users as deleted; those who are already stay as they are.
pub async fn insert(tx: &mut Tx, rows: &[DeletedUserRow]) -> Result<(), Error> {
    diesel::insert_into(deleted_user::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(())
}

/// The user who has waited for longest to be looked at, locked.
pub async fn lock_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<DeletedUserRow>, Error> {
    Ok(deleted_user::table
        .filter(deleted_user::due_at.le(now))
        .order(deleted_user::due_at)
        .select(DeletedUserRow::as_select())
        .for_update()
        .skip_locked()
        .first(tx)
        .await
        .optional()?)
}

/// Says when to look at a user next; the caller holds their lock.
pub async fn postpone(tx: &mut Tx, user: Id<User>, due_at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(deleted_user::table.find(user))
        .set(deleted_user::due_at.eq(due_at))
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets a user; the caller holds their lock.
pub async fn delete(tx: &mut Tx, user: Id<User>) -> Result<(), Error> {
    diesel::delete(deleted_user::table.find(user))
        .execute(tx)
        .await?;
    Ok(())
}
