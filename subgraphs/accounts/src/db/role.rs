//! Roles and their assignment to users.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use crate::{
    Role,
    kinds::UserStatus,
    tables::{account, account_role, role},
};

/// A role.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = role)]
pub struct RoleRow {
    pub id: Id<Role>,
    pub name: String,
    pub description: String,
    pub scopes: Vec<String>,
    pub built_in: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The most roles of an installation.
pub const MOST: i64 = 200;

/// All roles, sorted by name.
pub async fn all(connection: &mut Connection) -> Result<Vec<RoleRow>, Error> {
    Ok(role::table
        .order(role::name)
        .limit(MOST)
        .select(RoleRow::as_select())
        .load(connection)
        .await?)
}

/// The number of roles.
pub async fn count(connection: &mut Connection) -> Result<i64, Error> {
    Ok(role::table.count().get_result(connection).await?)
}

/// Roles by id.
pub async fn by_ids(connection: &mut Connection, ids: &[Id<Role>]) -> Result<Vec<RoleRow>, Error> {
    Ok(role::table
        .filter(role::id.eq_any(ids))
        .select(RoleRow::as_select())
        .load(connection)
        .await?)
}

/// A role, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Id<Role>) -> Result<Option<RoleRow>, Error> {
    Ok(role::table
        .find(id)
        .select(RoleRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// Inserts a role; false if its name is taken.
pub async fn insert(tx: &mut Tx, new: &RoleRow) -> Result<bool, Error> {
    let inserted = diesel::insert_into(role::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted > 0)
}

/// A change of a role; `None` leaves a field unchanged.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = role)]
pub struct RoleChange {
    pub description: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub updated_at: Option<DateTime<Utc>>,
}

/// Changes a role.
pub async fn update(tx: &mut Tx, id: Id<Role>, change: &RoleChange) -> Result<RoleRow, Error> {
    Ok(diesel::update(role::table.find(id))
        .set(change)
        .returning(RoleRow::as_returning())
        .get_result(tx)
        .await?)
}

/// The roles of an account, sorted by name.
pub async fn of_account(
    connection: &mut Connection,
    account: Id<User>,
) -> Result<Vec<RoleRow>, Error> {
    Ok(account_role::table
        .inner_join(role::table)
        .filter(account_role::account_id.eq(account))
        .order(role::name)
        .select(RoleRow::as_select())
        .load(connection)
        .await?)
}

/// Gives roles to an account.
pub async fn give(
    tx: &mut Tx,
    account: Id<User>,
    roles: &[Id<Role>],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let rows: Vec<_> = roles
        .iter()
        .map(|role| {
            (
                account_role::account_id.eq(account),
                account_role::role_id.eq(*role),
                account_role::granted_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(account_role::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes roles from an account.
pub async fn take(tx: &mut Tx, account: Id<User>, roles: &[Id<Role>]) -> Result<(), Error> {
    diesel::delete(
        account_role::table.filter(
            account_role::account_id
                .eq(account)
                .and(account_role::role_id.eq_any(roles)),
        ),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A built-in role by name, locked, so that only one transaction at a time decides who has it.
pub async fn lock_by_name(tx: &mut Tx, name: &str) -> Result<Option<RoleRow>, Error> {
    Ok(role::table
        .filter(role::name.eq(name))
        .select(RoleRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// A role by name.
pub async fn by_name(connection: &mut Connection, name: &str) -> Result<Option<RoleRow>, Error> {
    Ok(role::table
        .filter(role::name.eq(name))
        .select(RoleRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// Whether one of these accounts has a scope that is not among `held`.
pub async fn outrank(
    connection: &mut Connection,
    accounts: &[Id<User>],
    held: &[String],
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let found: Found = diesel::sql_query(
        "SELECT EXISTS(SELECT FROM accounts.account_role ar JOIN accounts.role r ON r.id = ar.role_id, \
         unnest(r.scopes) AS scope WHERE ar.account_id = ANY($1) AND scope <> ALL($2)) AS found",
    )
    .bind::<Array<SqlUuid>, _>(accounts)
    .bind::<Array<Text>, _>(held)
    .get_result(connection)
    .await?;
    Ok(found.found)
}

/// The ids of the users who have a role.
pub async fn holder_ids(connection: &mut Connection, id: Id<Role>) -> Result<Vec<Id<User>>, Error> {
    Ok(account_role::table
        .filter(account_role::role_id.eq(id))
        .select(account_role::account_id)
        .load(connection)
        .await?)
}

/// The ids of two users who have a role and can use their accounts: enough to tell whether somebody
/// is the last.
pub async fn holder_ids_in_force(
    connection: &mut Connection,
    id: Id<Role>,
) -> Result<Vec<Id<User>>, Error> {
    Ok(account_role::table
        .inner_join(account::table)
        .filter(
            account_role::role_id
                .eq(id)
                .and(account::status.eq(UserStatus::Active)),
        )
        .select(account_role::account_id)
        .limit(2)
        .load(connection)
        .await?)
}
