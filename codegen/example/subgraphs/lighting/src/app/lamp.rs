//! Lamps: who sees and changes them.

use std::{collections::HashMap, sync::Arc};

use atelier_contracts::lighting::{Lamp, LampCreated, LampDeleted, LampUpdated};
use atelier_kit::{
    Deps,
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{Id, User},
    loader::Batch,
    page::{Page, PageArgs, TimePage},
    text,
    transaction::{ReadConnection, Tx},
};

use crate::{
    db::lamp::{self, LampRow},
    error::{LightingErrorCode as Code, Outcome},
};

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// Whether the caller may see and change a lamp of `owner`: one rule for queries, mutations,
/// subscriptions and entities.
fn may_see(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner)
}

/// Creates a lamp for the caller.
pub async fn create(deps: &Deps, actor: &Actor, name: &str) -> Outcome<LampRow> {
    let owner = actor.require_user()?;
    let now = deps.clock.now();
    let row = LampRow {
        id: deps.new_id(),
        owner_id: owner,
        name: check_name(name)?,
        created_at: now,
        updated_at: now,
    };
    deps.transaction(async |tx| {
        lamp::insert(tx, &row).await?;
        tx.emit(&LampCreated {
            lamp: row.id,
            owner,
        });
        Ok(row.clone())
    })
    .await
}

/// Renames a lamp.
pub async fn rename(deps: &Deps, actor: &Actor, id: Id<Lamp>, name: &str) -> Outcome<LampRow> {
    actor.require_user()?;
    let name = check_name(name)?;
    deps.transaction(async |tx| {
        let row = lock(tx, actor, id).await?;
        let renamed = lamp::rename(tx, id, &name, deps.clock.now()).await?;
        tx.emit(&LampUpdated {
            lamp: id,
            owner: row.owner_id,
        });
        Ok(renamed)
    })
    .await
}

/// Deletes a lamp.
pub async fn delete(deps: &Deps, actor: &Actor, id: Id<Lamp>) -> Outcome<Id<Lamp>> {
    actor.require_user()?;
    deps.transaction(async |tx| {
        let row = lock(tx, actor, id).await?;
        lamp::delete(tx, id).await?;
        tx.emit(&LampDeleted {
            lamp: id,
            owner: row.owner_id,
        });
        Ok(id)
    })
    .await
}

/// Deletes everything that belongs to people who are gone.
pub async fn forget(tx: &mut Tx, users: &[Id<User>]) -> Result<(), Error> {
    for row in lamp::delete_of(tx, users).await? {
        tx.emit(&LampDeleted {
            lamp: row.id,
            owner: row.owner_id,
        });
    }
    Ok(())
}

/// A page of the caller's lamps, newest first.
pub async fn page(deps: &Deps, actor: &Actor, page: &PageArgs) -> Result<Page<LampRow>, Error> {
    let owner = actor.require_user()?;
    let rows = async |connection: &mut ReadConnection, page: &TimePage| {
        lamp::page(connection, owner, page).await
    };
    let count = async |connection: &mut ReadConnection| lamp::count(connection, owner).await;
    page.fetch(deps, rows, count).await
}

/// Locks a lamp that the caller may change.
async fn lock(tx: &mut Tx, actor: &Actor, id: Id<Lamp>) -> Outcome<LampRow> {
    lamp::lock(tx, id)
        .await?
        .filter(|row| may_see(actor, row.owner_id))
        .ok_or_else(|| Fail::refused(Code::NotFound, "input.id"))
}

fn check_name(name: &str) -> Result<String, Refusal<Code>> {
    let name = text::line(name);
    if (1..=MAX_NAME).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(Refusal::new(Code::NameInvalid, "input.name").with("max", MAX_NAME))
    }
}

/// Loads lamps that the caller may see, by id.
pub struct LampById {
    pub deps: Deps,
    pub actor: Arc<Actor>,
}

impl Batch for LampById {
    type Key = Id<Lamp>;
    type Value = LampRow;

    async fn load(&self, keys: Vec<Id<Lamp>>) -> Result<HashMap<Id<Lamp>, LampRow>, Error> {
        let rows = lamp::by_ids(&mut *self.deps.read().await?, &keys).await?;
        let seen = rows
            .into_iter()
            .filter(|row| may_see(&self.actor, row.owner_id));
        Ok(seen.map(|row| (row.id, row)).collect())
    }
}
