//! Users.

use async_graphql::{Context, Enum, InputObject, Object, Result};
use atelier_contracts::stub;
use atelier_kit::{
    graphql::{Long, actor, load, mutation},
    id::{self, Id},
    page::{Connection, PageArgs},
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{
    app::{name, status, user},
    db::account::{AccountFilter, AccountRow},
    error::AccountsUserError,
    kinds::{UserKind, UserStatus},
};

/// A person or bot with an account.
#[derive(Debug, Clone)]
pub struct User(pub AccountRow);

/// A person or bot with an account.
#[Object(tag = "public")]
impl User {
    /// The user's id.
    async fn id(&self) -> Id<id::User> {
        self.0.id
    }

    /// The username, which is unique, spelled as the user chose it.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// The name shown to others.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The user's description of themselves; null if they gave none.
    async fn bio(&self) -> Option<&str> {
        self.0.bio.as_deref()
    }

    /// The user's picture, which everybody can see; null if they have none.
    async fn avatar(&self) -> Option<stub::Asset> {
        self.0.avatar_id.map(|id| stub::Asset { id })
    }

    /// The kind of user.
    async fn kind(&self) -> UserKind {
        self.0.kind
    }

    /// The status of the account.
    async fn status(&self, ctx: &Context<'_>) -> UserStatus {
        status::at(self.0.status, self.0.suspended_until, accounts(ctx).now())
    }

    /// When the account was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The email address; null if the account has none. Requires the scope `admin:users`.
    #[graphql(requires_scopes = "admin:users")]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.email.as_deref())
    }

    /// Why the account is suspended; null if it is not. Requires the scope `admin:users`.
    #[graphql(requires_scopes = "admin:users")]
    async fn status_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.status_reason.as_deref())
    }

    /// When the suspension ends by itself; null if it does not, or if the account is not suspended.
    /// Requires the scope `admin:users`.
    #[graphql(requires_scopes = "admin:users")]
    async fn suspended_until(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.suspended_until)
    }

    /// When the user last signed in with a password; null if they never did. Requires the scope
    /// `admin:users`.
    #[graphql(requires_scopes = "admin:users")]
    async fn last_login_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.last_login_at)
    }

    /// The number of times that the user has signed in with a password. Requires the scope
    /// `admin:users`.
    #[graphql(requires_scopes = "admin:users")]
    async fn login_count(&self, ctx: &Context<'_>) -> Result<Long> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(Long(self.0.login_count))
    }
}

/// Selects users of a list. A user must satisfy every condition that is given.
#[derive(Debug, Default, InputObject)]
pub struct UserWhere {
    /// Returns only users with one of these statuses, at most 10.
    #[graphql(validator(max_items = 10))]
    pub status: Option<Vec<UserStatus>>,
    /// Returns only users of this kind.
    pub kind: Option<UserKind>,
    /// Returns only users whose username or email address contains this text, in upper or lower
    /// case. Only the first 100 characters count.
    pub text: Option<String>,
    /// Returns only users whose account was created after this time.
    pub created_after: Option<DateTime<Utc>>,
    /// Returns only users whose account was created before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// The order of a list of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum UserOrder {
    /// By creation time, newest first.
    #[default]
    Newest,
    /// By username, in alphabetical order.
    Username,
}

/// Loads a user by id, if the caller may see them.
pub async fn load_by_id(ctx: &Context<'_>, id: Id<id::User>) -> Result<Option<User>> {
    let found = load(ctx, || user::ById(accounts(ctx).clone()), id).await?;
    Ok(found
        .filter(|account| user::visible(actor(ctx), account))
        .map(User))
}

/// Loads a user by username, if the caller may see them.
async fn load_by_username(ctx: &Context<'_>, username: &str) -> Result<Option<User>> {
    // No username is longer.
    let folded = name::fold(&username.chars().take(64).collect::<String>());
    let found = load(ctx, || user::ByUsername(accounts(ctx).clone()), folded).await?;
    Ok(found
        .filter(|account| user::visible(actor(ctx), account))
        .map(User))
}

#[derive(Default)]
pub struct UserQuery;

#[atelier_kit::object]
impl UserQuery {
    /// Returns a user by id or by username; null if there is none that the caller may see. Exactly
    /// one of the arguments must be given.
    #[graphql(tag = "public")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id.")] id: Option<Id<id::User>>,
        #[graphql(desc = "The username, in upper or lower case.")] username: Option<String>,
    ) -> Result<Option<User>> {
        match (id, username) {
            (Some(id), None) => load_by_id(ctx, id).await,
            (None, Some(username)) => load_by_username(ctx, &username).await,
            _ => Err(atelier_kit::error::Error::with_detail(
                atelier_kit::error::ErrorCode::BadUserInput,
                "Give exactly one of \"id\" and \"username\".",
            )
            .into()),
        }
    }

    /// Returns all users. Requires the scope `admin:users`.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            name = "where",
            desc = "Selects the users to return; all of them by default."
        )]
        filter: Option<UserWhere>,
        #[graphql(desc = "The order of the list; newest first by default.")] order_by: Option<
            UserOrder,
        >,
        page: PageArgs,
    ) -> Result<Connection<User>> {
        let filter = filter.unwrap_or_default();
        let filter = AccountFilter {
            status: filter.status,
            kind: filter.kind,
            text: filter.text,
            created_after: filter.created_after,
            created_before: filter.created_before,
        };
        let order = match order_by.unwrap_or_default() {
            UserOrder::Newest => user::Order::Newest,
            UserOrder::Username => user::Order::Name,
        };
        let page = user::page(accounts(ctx), actor(ctx), filter, order, &page).await?;
        Ok(page.connection(User))
    }

    /// A user by id, for the router.
    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: Id<id::User>) -> Result<Option<User>> {
        load_by_id(ctx, id).await
    }

    /// A user by username, for the router.
    #[graphql(entity)]
    async fn find_user_by_username(
        &self,
        ctx: &Context<'_>,
        username: String,
    ) -> Result<Option<User>> {
        load_by_username(ctx, &username).await
    }
}

/// The input of `userStatusSet`.
#[derive(InputObject)]
pub struct UserStatusSetInput {
    /// The id of the user.
    pub user_id: Id<id::User>,
    /// The new status.
    pub status: SettableStatus,
    /// The reason, at most 500 characters; required for a suspension and shown to the user.
    pub reason: Option<String>,
    /// When the suspension ends by itself; it must be in the future. By default it lasts until the
    /// account is reactivated.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A status that an administrator can give to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SettableStatus {
    /// The account can be used.
    Active,
    /// The account cannot be used.
    Suspended,
}

atelier_kit::payload! {
    /// The result of `userStatusSet`.
    pub struct UserStatusSetPayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }
}

#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Suspends a user's account, for some time or until further notice, or reactivates it. The
    /// caller must hold every scope that the user holds, and cannot change their own status.
    /// Accounts that are being deleted are reported as `NOT_FOUND`. Requires the scope
    /// `admin:users`.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn user_status_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and their new status.")] input: UserStatusSetInput,
    ) -> Result<UserStatusSetPayload> {
        let suspended = input.status == SettableStatus::Suspended;
        let set = status::set(
            accounts(ctx),
            actor(ctx),
            input.user_id,
            suspended,
            input.reason,
            input.expires_at,
        )
        .await;
        mutation(ctx, set.map(User))
    }
}
