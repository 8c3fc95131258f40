//! The caller's own account.

use async_graphql::{Context, Result, SimpleObject};
use atelier_kit::{
    error::{Error, ErrorCode},
    graphql::{actor, directive::authenticated, load},
    id::{self, Id},
    page::{Connection, PageArgs},
};
use chrono::{DateTime, Utc};

use super::{
    access_token::AccessToken,
    accounts,
    plan::Plan,
    quota::Quota,
    role::Role,
    session::Session,
    user::{User, load_by_id},
};
use crate::{
    app::{
        access_token,
        authority::{ACCOUNT_READ, require_own},
        plan, quota, role, session, user,
    },
    db::account::AccountRow,
    kinds::Meter,
};

/// The status of a subscription to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
pub enum SubscriptionStatus {
    /// The plan is in force.
    Active,
    /// The subscription has expired, and the free plan applies.
    Expired,
    /// The plan is in force until it expires, and will not be renewed.
    Cancelled,
}

/// A user's subscription to a plan.
#[derive(Debug, Clone, SimpleObject)]
pub struct PlanSubscription {
    /// The plan that the user subscribed to.
    pub plan: Plan,
    /// The status of the subscription. Once it has expired, the quotas of the free plan apply.
    pub status: SubscriptionStatus,
    /// When the subscription started.
    pub started_at: DateTime<Utc>,
    /// When the subscription expires; null if it never expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the subscription is renewed when it expires.
    pub auto_renew: bool,
}

async fn account(ctx: &Context<'_>) -> Result<AccountRow> {
    account_of(ctx, actor(ctx).require_user()?).await
}

/// The caller's account, for fields that require the scope `account:read`.
async fn private_account(ctx: &Context<'_>) -> Result<AccountRow> {
    account_of(ctx, require_own(actor(ctx), ACCOUNT_READ)?).await
}

async fn account_of(ctx: &Context<'_>, user: Id<id::User>) -> Result<AccountRow> {
    let found = load(ctx, || user::ById(accounts(ctx).clone()), user).await?;
    Ok(found.ok_or(Error::new(ErrorCode::Unauthenticated))?)
}

/// The caller's account.
#[derive(Default)]
pub struct AccountOfViewer;

#[atelier_kit::object]
impl AccountOfViewer {
    /// The caller's public profile.
    #[graphql(directive = authenticated::apply())]
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(load_by_id(ctx, actor(ctx).require_user()?)
            .await?
            .ok_or(Error::new(ErrorCode::Unauthenticated))?)
    }

    /// The caller's email address; null if the account has none. Requires the scope `account:read`.
    #[graphql(requires_scopes = "account:read")]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(private_account(ctx).await?.email)
    }

    /// Whether the email address has been verified. Requires the scope `account:read`.
    #[graphql(requires_scopes = "account:read")]
    async fn email_verified(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(private_account(ctx).await?.email_verified)
    }

    /// When the account will be deleted; null if no deletion was requested. Requires the scope
    /// `account:read`.
    #[graphql(requires_scopes = "account:read")]
    async fn delete_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        Ok(private_account(ctx).await?.delete_at)
    }

    /// The scopes that the credential of this request holds.
    #[graphql(directive = authenticated::apply())]
    async fn scopes(&self, ctx: &Context<'_>) -> Vec<String> {
        actor(ctx).scopes.iter().cloned().collect()
    }

    /// The caller's roles, sorted by name.
    #[graphql(directive = authenticated::apply())]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        Ok(role::own(accounts(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Role)
            .collect())
    }

    /// The caller's open sessions, newest first. Requires the scope `account:read`.
    #[graphql(requires_scopes = "account:read")]
    async fn sessions(&self, ctx: &Context<'_>, page: PageArgs) -> Result<Connection<Session>> {
        let page = session::page(accounts(ctx), actor(ctx), &page).await?;
        Ok(page.connection(Session))
    }

    /// The caller's valid personal access tokens and API keys, newest first. Requires the scope
    /// `account:read`.
    #[graphql(requires_scopes = "account:read")]
    async fn access_tokens(
        &self,
        ctx: &Context<'_>,
        page: PageArgs,
    ) -> Result<Connection<AccessToken>> {
        let page = access_token::page(accounts(ctx), actor(ctx), &page).await?;
        Ok(page.connection(AccessToken))
    }

    /// The caller's subscription to a plan.
    #[graphql(directive = authenticated::apply())]
    async fn subscription(&self, ctx: &Context<'_>) -> Result<PlanSubscription> {
        let account = account(ctx).await?;
        let found = plan::all(accounts(ctx))
            .await?
            .into_iter()
            .find(|(plan, _)| plan.code == account.plan);
        let expired = account
            .plan_expires_at
            .is_some_and(|end| end <= accounts(ctx).now());
        Ok(PlanSubscription {
            plan: found
                .map(Plan::from)
                .ok_or(Error::new(ErrorCode::NotFound))?,
            status: match (expired, account.plan_cancelled) {
                (true, _) => SubscriptionStatus::Expired,
                (false, true) => SubscriptionStatus::Cancelled,
                (false, false) => SubscriptionStatus::Active,
            },
            started_at: account.plan_started_at,
            expires_at: account.plan_expires_at,
            auto_renew: account.plan_expires_at.is_some() && !account.plan_cancelled && !expired,
        })
    }

    /// The caller's quotas, one for each meter that the plan includes.
    #[graphql(directive = authenticated::apply())]
    async fn quotas(&self, ctx: &Context<'_>) -> Result<Vec<Quota>> {
        Ok(quota::own(accounts(ctx), actor(ctx))
            .await?
            .iter()
            .map(Quota::from)
            .collect())
    }

    /// The caller's quota of one meter. Fails with `NOT_FOUND` if the caller's plan does not
    /// include the meter.
    #[graphql(directive = authenticated::apply())]
    async fn quota(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The meter.")] meter: Meter,
    ) -> Result<Quota> {
        let quotas = quota::own(accounts(ctx), actor(ctx)).await?;
        let found = quotas.iter().find(|quota| quota.meter == meter);
        Ok(found
            .map(Quota::from)
            .ok_or(Error::new(ErrorCode::NotFound))?)
    }
}

atelier_kit::viewer!(AccountOfViewer);
