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

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct User(pub AccountRow);

/// Somebody with an account.
#[Object(tag = "public")]
impl User {
    /// The user's id.
    async fn id(&self) -> Id<id::User> {
        self.0.id
    }

    /// The unique name, as its owner writes it.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// The name to show.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// What the user tells about themselves.
    async fn bio(&self) -> Option<&str> {
        self.0.bio.as_deref()
    }

    /// The user's picture.
    async fn avatar(&self) -> Option<stub::Asset> {
        self.0.avatar_id.map(|id| stub::Asset { id })
    }

    /// What kind of user it is.
    async fn kind(&self) -> UserKind {
        self.0.kind
    }

    /// Whether the account may be used.
    async fn status(&self, ctx: &Context<'_>) -> UserStatus {
        status::at(self.0.status, self.0.suspended_until, accounts(ctx).now())
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The email address.
    #[graphql(requires_scopes = "admin:users")]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.email.as_deref())
    }

    /// Why the account is suspended.
    #[graphql(requires_scopes = "admin:users")]
    async fn status_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.status_reason.as_deref())
    }

    /// When the suspension ends; null if it does not end by itself.
    #[graphql(requires_scopes = "admin:users")]
    async fn suspended_until(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.suspended_until)
    }

    /// When the user last signed in.
    #[graphql(requires_scopes = "admin:users")]
    async fn last_login_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(self.0.last_login_at)
    }

    /// How often the user has signed in with a password.
    #[graphql(requires_scopes = "admin:users")]
    async fn login_count(&self, ctx: &Context<'_>) -> Result<Long> {
        actor(ctx).require_scope(status::SCOPE)?;
        Ok(Long(self.0.login_count))
    }
}

/// Which users are wanted; all conditions hold together.
#[derive(Debug, Default, InputObject)]
pub struct UserWhere {
    /// Only users in one of these states.
    #[graphql(validator(max_items = 10))]
    pub status: Option<Vec<UserStatus>>,
    /// Only users of this kind.
    pub kind: Option<UserKind>,
    /// Only users with this in their username or email address.
    pub text: Option<String>,
    /// Only users who came after this time.
    pub created_after: Option<DateTime<Utc>>,
    /// Only users who came before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// How users are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum UserOrder {
    /// Newest first.
    #[default]
    Newest,
    /// By username.
    Username,
}

/// A user that the caller may see, by id.
pub async fn load_by_id(ctx: &Context<'_>, id: Id<id::User>) -> Result<Option<User>> {
    let found = load(ctx, || user::ById(accounts(ctx).clone()), id).await?;
    Ok(found
        .filter(|account| user::visible(actor(ctx), account))
        .map(User))
}

/// A user that the caller may see, by name.
async fn load_by_username(ctx: &Context<'_>, username: &str) -> Result<Option<User>> {
    // Longer names do not exist.
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
    /// A user by id or by username; null if there is none.
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
                "Give either \"id\" or \"username\".",
            )
            .into()),
        }
    }

    /// All users.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which users are wanted.")] filter: Option<UserWhere>,
        #[graphql(desc = "How users are sorted; newest first unless told otherwise.")]
        order_by: Option<UserOrder>,
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

    /// A user, for other domains.
    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: Id<id::User>) -> Result<Option<User>> {
        load_by_id(ctx, id).await
    }

    /// A user by name, for other domains.
    #[graphql(entity)]
    async fn find_user_by_username(
        &self,
        ctx: &Context<'_>,
        username: String,
    ) -> Result<Option<User>> {
        load_by_username(ctx, &username).await
    }
}

/// Whether a user may use their account.
#[derive(InputObject)]
pub struct UserStatusSetInput {
    /// Whose account.
    pub user_id: Id<id::User>,
    /// What it shall be.
    pub status: SettableStatus,
    /// Why; needed to suspend. The user is told.
    pub reason: Option<String>,
    /// When the suspension ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What an administrator can make of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SettableStatus {
    /// It may be used.
    Active,
    /// It may not be used.
    Suspended,
}

atelier_kit::payload! {
    /// The outcome of setting a status.
    pub struct UserStatusSetPayload, AccountsUserError {
        /// The user as they are now.
        user: User,
    }
}

#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Suspends a user, perhaps for a while, or activates them again; not one who may do what the caller
    /// may not.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn user_status_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to set.")] input: UserStatusSetInput,
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
