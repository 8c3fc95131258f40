//! Accounts.

use atelier_contracts::media::Asset;
use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{TimePage, newest_first};
use crate::{
    kinds::{PlanCode, UserKind, UserStatus},
    tables::account,
};

/// An account.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = account)]
pub struct AccountRow {
    pub id: Id<User>,
    pub username: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub display_name: String,
    pub bio: Option<String>,
    pub avatar_id: Option<Id<Asset>>,
    pub kind: UserKind,
    pub status: UserStatus,
    pub status_reason: Option<String>,
    pub suspended_until: Option<DateTime<Utc>>,
    pub delete_at: Option<DateTime<Utc>>,
    pub plan: PlanCode,
    pub plan_started_at: DateTime<Utc>,
    pub plan_expires_at: Option<DateTime<Utc>>,
    pub plan_cancelled: bool,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
    pub login_count: i64,
}

/// A new account.
#[derive(Debug, Insertable)]
#[diesel(table_name = account)]
pub struct NewAccount<'a> {
    pub id: Id<User>,
    pub username: &'a str,
    pub username_folded: &'a str,
    pub username_skeleton: &'a str,
    pub email: Option<&'a str>,
    pub email_folded: Option<&'a str>,
    pub display_name: &'a str,
    pub kind: UserKind,
    pub plan_started_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Inserts an account; `None` if its name or address is taken.
pub async fn insert(tx: &mut Tx, new: &NewAccount<'_>) -> Result<Option<AccountRow>, Error> {
    Ok(diesel::insert_into(account::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning(AccountRow::as_returning())
        .get_result(tx)
        .await
        .optional()?)
}

/// An account by id.
pub async fn find(connection: &mut Connection, id: Id<User>) -> Result<Option<AccountRow>, Error> {
    Ok(account::table
        .find(id)
        .select(AccountRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// An account by id, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Id<User>) -> Result<Option<AccountRow>, Error> {
    Ok(account::table
        .find(id)
        .select(AccountRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// Accounts by id.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<User>],
) -> Result<Vec<AccountRow>, Error> {
    Ok(account::table
        .filter(account::id.eq_any(ids))
        .select(AccountRow::as_select())
        .load(connection)
        .await?)
}

/// Accounts by folded username, each with the name it was found by.
pub async fn by_usernames(
    connection: &mut Connection,
    folded: &[String],
) -> Result<Vec<(String, AccountRow)>, Error> {
    Ok(account::table
        .filter(account::username_folded.eq_any(folded))
        .select((account::username_folded, AccountRow::as_select()))
        .load(connection)
        .await?)
}

/// A change of a profile; `None` leaves a field unchanged.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = account)]
pub struct Profile {
    pub display_name: Option<String>,
    pub bio: Option<Option<String>>,
    pub avatar_id: Option<Option<Id<Asset>>>,
    pub updated_at: Option<DateTime<Utc>>,
}

/// Changes a profile.
pub async fn update_profile(
    tx: &mut Tx,
    id: Id<User>,
    profile: &Profile,
) -> Result<AccountRow, Error> {
    Ok(diesel::update(account::table.find(id))
        .set(profile)
        .returning(AccountRow::as_returning())
        .get_result(tx)
        .await?)
}

/// A change of an account's status.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = account, treat_none_as_null = true)]
pub struct StatusChange {
    pub status: UserStatus,
    pub status_reason: Option<String>,
    pub suspended_until: Option<DateTime<Utc>>,
    pub delete_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// Sets a status.
pub async fn set_status(
    tx: &mut Tx,
    id: Id<User>,
    change: &StatusChange,
) -> Result<AccountRow, Error> {
    Ok(diesel::update(account::table.find(id))
        .set(change)
        .returning(AccountRow::as_returning())
        .get_result(tx)
        .await?)
}

/// Sets a plan.
pub async fn set_plan(
    tx: &mut Tx,
    id: Id<User>,
    plan: PlanCode,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<AccountRow, Error> {
    Ok(diesel::update(account::table.find(id))
        .set((
            account::plan.eq(plan),
            account::plan_started_at.eq(now),
            account::plan_expires_at.eq(expires_at),
            account::plan_cancelled.eq(false),
            account::updated_at.eq(now),
        ))
        .returning(AccountRow::as_returning())
        .get_result(tx)
        .await?)
}

/// Records a sign-in.
pub async fn note_login(tx: &mut Tx, id: Id<User>, now: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(account::table.find(id))
        .set((
            account::last_login_at.eq(now),
            account::login_count.eq(account::login_count + 1),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Accounts whose grace period is over, locked. Accounts that others have locked are skipped.
pub async fn lock_due_for_deletion(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Id<User>>, Error> {
    Ok(account::table
        .filter(
            account::status
                .eq(UserStatus::PendingDeletion)
                .and(account::delete_at.le(now)),
        )
        .order(account::delete_at)
        .limit(limit)
        .select(account::id)
        .for_update()
        .skip_locked()
        .load(tx)
        .await?)
}

/// Erases accounts: everything that names or describes a person is removed, and only the id
/// remains.
pub async fn erase(tx: &mut Tx, ids: &[Id<User>], now: DateTime<Utc>) -> Result<(), Error> {
    let nameless = diesel::dsl::sql::<diesel::sql_types::Text>("'deleted-' || id");
    diesel::update(account::table.filter(account::id.eq_any(ids)))
        .set((
            account::username.eq(nameless.clone()),
            account::username_folded.eq(nameless.clone()),
            account::username_skeleton.eq(nameless),
            account::email.eq(None::<String>),
            account::email_folded.eq(None::<String>),
            account::display_name.eq(""),
            account::bio.eq(None::<String>),
            account::avatar_id.eq(None::<Uuid>),
            account::status.eq(UserStatus::Deleted),
            account::delete_at.eq(None::<DateTime<Utc>>),
            account::updated_at.eq(now),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Selects accounts for an administrator.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    pub status: Option<Vec<UserStatus>>,
    pub kind: Option<UserKind>,
    /// Part of the username or address, folded.
    pub text: Option<String>,
    pub created_after: Option<DateTime<Utc>>,
    pub created_before: Option<DateTime<Utc>>,
}

fn filtered(filter: &AccountFilter) -> account::BoxedQuery<'_, diesel::pg::Pg> {
    let mut query = account::table.into_boxed();
    if let Some(status) = &filter.status {
        query = query.filter(account::status.eq_any(status));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(account::kind.eq(kind));
    }
    if let Some(text) = &filter.text {
        let pattern = format!(
            "%{}%",
            text.replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
        );
        query = query.filter(
            account::username_folded
                .like(pattern.clone())
                .or(account::email_folded.like(pattern).assume_not_null()),
        );
    }
    if let Some(after) = filter.created_after {
        query = query.filter(account::created_at.gt(after));
    }
    if let Some(before) = filter.created_before {
        query = query.filter(account::created_at.lt(before));
    }
    query
}

/// A page of accounts, newest first.
pub async fn page(
    connection: &mut Connection,
    filter: &AccountFilter,
    page: &TimePage,
) -> Result<Vec<AccountRow>, Error> {
    let query = newest_first!(filtered(filter), page, account::created_at, account::id);
    Ok(query
        .select(AccountRow::as_select())
        .load(connection)
        .await?)
}

/// A page of accounts by name.
pub async fn page_by_name(
    connection: &mut Connection,
    filter: &AccountFilter,
    page: &atelier_kit::page::PageRequest<(String, Uuid)>,
) -> Result<Vec<AccountRow>, Error> {
    let mut query = filtered(filter);
    if let Some((name, _)) = &page.after {
        query = query.filter(account::username_folded.gt(name));
    }
    if let Some((name, _)) = &page.before {
        query = query.filter(account::username_folded.lt(name));
    }
    query = if page.backward {
        query.order(account::username_folded.desc())
    } else {
        query.order(account::username_folded.asc())
    };
    Ok(query
        .limit(page.fetch())
        .select(AccountRow::as_select())
        .load(connection)
        .await?)
}

/// The number of accounts that match the filter.
pub async fn count(connection: &mut Connection, filter: &AccountFilter) -> Result<i64, Error> {
    Ok(filtered(filter)
        .select(count_star())
        .first(connection)
        .await?)
}
