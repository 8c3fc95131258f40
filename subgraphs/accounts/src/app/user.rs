//! Loading and listing users, and who may see them.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    actor::Actor,
    error::Error,
    id::{Id, User},
    loader::Batch,
    page::{Listed, Page, PageArgs, PageRequest},
    transaction::ReadConnection,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Accounts, name, status};
use crate::{
    db::{
        self, TimePage,
        account::{AccountFilter, AccountRow},
    },
    kinds::UserStatus,
};

impl Listed for AccountRow {
    const LIST: &'static str = "accounts.users";
    type Key = (DateTime<Utc>, Uuid);

    fn key(&self) -> Self::Key {
        (self.created_at, self.id.uuid())
    }
}

/// The order by username.
struct ByName;
type NamePage = PageRequest<(String, Uuid)>;

impl Listed<ByName> for AccountRow {
    const LIST: &'static str = "accounts.usersByName";
    type Key = (String, Uuid);

    fn key(&self) -> Self::Key {
        (name::fold(&self.username), self.id.uuid())
    }
}

/// Whether `actor` may know that an account exists. Everybody may, until its owner requests its
/// deletion.
pub fn visible(actor: &Actor, account: &AccountRow) -> bool {
    match account.status {
        UserStatus::Active | UserStatus::Suspended => true,
        UserStatus::PendingDeletion => {
            actor.user_id() == Some(account.id) || actor.has_scope(status::SCOPE)
        }
        UserStatus::Deleted => false,
    }
}

/// Loads users by id.
pub struct ById(pub Arc<Accounts>);

impl Batch for ById {
    type Key = Id<User>;
    type Value = AccountRow;

    async fn load(&self, keys: Vec<Id<User>>) -> Result<HashMap<Id<User>, AccountRow>, Error> {
        let rows = db::account::by_ids(&mut *self.0.deps.read().await?, &keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Loads users by folded username.
pub struct ByUsername(pub Arc<Accounts>);

impl Batch for ByUsername {
    type Key = String;
    type Value = AccountRow;

    async fn load(&self, keys: Vec<String>) -> Result<HashMap<String, AccountRow>, Error> {
        let rows = db::account::by_usernames(&mut *self.0.deps.read().await?, &keys).await?;
        Ok(rows.into_iter().collect())
    }
}

/// The sort order of a list of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Newest,
    /// By username.
    Name,
}

/// Returns a page of all users.
///
/// # Errors
/// `FORBIDDEN` without the scope `admin:users`.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    mut filter: AccountFilter,
    order: Order,
    page: &PageArgs,
) -> Result<Page<AccountRow>, Error> {
    actor.require_scope(status::SCOPE)?;
    filter.text = filter
        .text
        .map(|text| name::fold(&text.chars().take(100).collect::<String>()));
    let filter = &filter;
    let count =
        async |connection: &mut ReadConnection| db::account::count(connection, filter).await;
    match order {
        Order::Newest => {
            let rows = async |connection: &mut ReadConnection, page: &TimePage| {
                db::account::page(connection, filter, page).await
            };
            page.fetch(&accounts.deps, rows, count).await
        }
        Order::Name => {
            let rows = async |connection: &mut ReadConnection, page: &NamePage| {
                db::account::page_by_name(connection, filter, page).await
            };
            page.fetch_in::<ByName, _>(&accounts.deps, rows, count)
                .await
        }
    }
}
