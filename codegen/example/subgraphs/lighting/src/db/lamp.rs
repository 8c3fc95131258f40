//! Lamps.

use atelier_contracts::lighting::Lamp;
use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    newest_first,
    page::{Listed, TimePage},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::tables::lamp;

/// A lamp.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = lamp, check_for_backend(diesel::pg::Pg))]
pub struct LampRow {
    pub id: Id<Lamp>,
    pub owner_id: Id<User>,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Listed for LampRow {
    const LIST: &'static str = "lighting.lamps";
    type Key = (DateTime<Utc>, Uuid);

    fn key(&self) -> Self::Key {
        (self.created_at, self.id.uuid())
    }
}

/// Inserts a lamp.
pub async fn insert(tx: &mut Tx, row: &LampRow) -> Result<(), Error> {
    diesel::insert_into(lamp::table)
        .values(row)
        .execute(tx)
        .await?;
    Ok(())
}

/// A lamp, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Id<Lamp>) -> Result<Option<LampRow>, Error> {
    Ok(lamp::table
        .find(id)
        .select(LampRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// Renames a lamp.
pub async fn rename(
    tx: &mut Tx,
    id: Id<Lamp>,
    name: &str,
    now: DateTime<Utc>,
) -> Result<LampRow, Error> {
    Ok(diesel::update(lamp::table.find(id))
        .set((lamp::name.eq(name), lamp::updated_at.eq(now)))
        .returning(LampRow::as_returning())
        .get_result(tx)
        .await?)
}

/// Deletes a lamp.
pub async fn delete(tx: &mut Tx, id: Id<Lamp>) -> Result<(), Error> {
    diesel::delete(lamp::table.find(id)).execute(tx).await?;
    Ok(())
}

/// Deletes everything that belongs to these people.
pub async fn delete_of(tx: &mut Tx, owners: &[Id<User>]) -> Result<Vec<LampRow>, Error> {
    Ok(
        diesel::delete(lamp::table.filter(lamp::owner_id.eq_any(owners)))
            .returning(LampRow::as_returning())
            .get_results(tx)
            .await?,
    )
}

/// The lamps with these ids.
pub async fn by_ids(connection: &mut Connection, ids: &[Id<Lamp>]) -> Result<Vec<LampRow>, Error> {
    Ok(lamp::table
        .filter(lamp::id.eq_any(ids))
        .select(LampRow::as_select())
        .load(connection)
        .await?)
}

/// A page of somebody's lamps, newest first.
pub async fn page(
    connection: &mut Connection,
    owner: Id<User>,
    page: &TimePage,
) -> Result<Vec<LampRow>, Error> {
    let query = lamp::table.filter(lamp::owner_id.eq(owner)).into_boxed();
    let query = newest_first!(query, page, lamp::created_at, lamp::id);
    Ok(query.select(LampRow::as_select()).load(connection).await?)
}

/// How many lamps somebody has.
pub async fn count(connection: &mut Connection, owner: Id<User>) -> Result<i64, Error> {
    Ok(lamp::table
        .filter(lamp::owner_id.eq(owner))
        .select(count_star())
        .first(connection)
        .await?)
}
