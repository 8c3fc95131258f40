//! Who may see which users.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    actor::Actor,
    error::Error,
    id::{Id, User},
    loader::Batch,
    page::PageArgs,
};
use uuid::Uuid;

use super::{Accounts, name, status};
use crate::{
    db::{
        self, TimePage,
        account::{AccountFilter, AccountRow},
    },
    kinds::UserStatus,
};

/// The list's names in cursors, by order.
pub const LIST: &str = "accounts.users";
pub const LIST_BY_NAME: &str = "accounts.usersByName";

/// Whether `actor` may know that an account exists: everybody may, until its owner deletes it.
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
        let rows = db::account::by_ids(&mut *self.0.deps.db.read().await?, &keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Loads users by folded username.
pub struct ByUsername(pub Arc<Accounts>);

impl Batch for ByUsername {
    type Key = String;
    type Value = AccountRow;

    async fn load(&self, keys: Vec<String>) -> Result<HashMap<String, AccountRow>, Error> {
        let rows = db::account::by_usernames(&mut *self.0.deps.db.read().await?, &keys).await?;
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

/// A page of users.
pub enum Page {
    Newest(TimePage, Vec<AccountRow>, Option<i64>),
    Name(
        atelier_kit::page::PageRequest<(String, Uuid)>,
        Vec<AccountRow>,
        Option<i64>,
    ),
}

/// A page of all users.
///
/// # Errors
/// `FORBIDDEN` without the scope `admin:users`.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    mut filter: AccountFilter,
    order: Order,
    args: &PageArgs,
    total: bool,
) -> Result<Page, Error> {
    actor.require_scope(status::SCOPE)?;
    filter.text = filter
        .text
        .map(|text| name::fold(&text.chars().take(100).collect::<String>()));
    let cursors = &accounts.deps.cursors;
    let mut connection = accounts.deps.db.read().await?;
    let total = if total {
        Some(db::account::count(&mut connection, &filter).await?)
    } else {
        None
    };
    match order {
        Order::Newest => {
            let request = args.open(LIST, cursors)?;
            let rows = db::account::page(&mut connection, &filter, &request).await?;
            Ok(Page::Newest(request, rows, total))
        }
        Order::Name => {
            let request = args.open(LIST_BY_NAME, cursors)?;
            let rows = db::account::page_by_name(&mut connection, &filter, &request).await?;
            Ok(Page::Name(request, rows, total))
        }
    }
}
