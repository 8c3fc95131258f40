//! Plans.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{Long, actor, mutation},
    id::{self, Id},
};
use chrono::{DateTime, Utc};

use super::{accounts, user::User};
use crate::{
    app::plan,
    db::plan::{PlanQuotaRow, PlanRow},
    error::AccountsUserError,
    kinds::{Meter, PlanCode},
};

/// A plan, which grants quotas to the users who have it.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(tag = "public")]
pub struct Plan {
    /// The plan's code.
    pub code: PlanCode,
    /// The plan's name.
    pub name: String,
    /// The quotas that the plan grants, at most one for each meter. A meter without an entry cannot
    /// be used.
    pub quotas: Vec<PlanQuota>,
}

/// The amount of one meter that a plan grants.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(tag = "public")]
pub struct PlanQuota {
    /// The meter.
    pub meter: Meter,
    /// The amount that may be used; null if it is unlimited.
    pub limit: Option<Long>,
    /// Whether usage is reset at the beginning of each month (UTC).
    pub monthly: bool,
}

impl From<(PlanRow, Vec<PlanQuotaRow>)> for Plan {
    fn from((plan, quotas): (PlanRow, Vec<PlanQuotaRow>)) -> Self {
        let quota = |row: PlanQuotaRow| PlanQuota {
            meter: row.meter,
            limit: row.amount.map(Long),
            monthly: row.monthly,
        };
        Self {
            code: plan.code,
            name: plan.name,
            quotas: quotas.into_iter().map(quota).collect(),
        }
    }
}

#[derive(Default)]
pub struct PlanQuery;

#[Object]
impl PlanQuery {
    /// Returns all plans, from the smallest to the largest.
    #[graphql(tag = "public")]
    async fn plans(&self, ctx: &Context<'_>) -> Result<Vec<Plan>> {
        Ok(plan::all(accounts(ctx))
            .await?
            .into_iter()
            .map(Plan::from)
            .collect())
    }
}

/// The input of `userPlanSet`.
#[derive(InputObject)]
pub struct UserPlanSetInput {
    /// The id of the user.
    pub user_id: Id<id::User>,
    /// The new plan.
    pub plan: PlanCode,
    /// When the plan expires and the free plan applies again; it must be in the future. By default
    /// the plan never expires.
    pub expires_at: Option<DateTime<Utc>>,
}

atelier_kit::payload! {
    /// The result of `userPlanSet`.
    pub struct UserPlanSetPayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }
}

#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Sets a user's plan. The caller must hold every scope that the user holds. Requires the scope
    /// `admin:users`.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn user_plan_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and their new plan.")] input: UserPlanSetInput,
    ) -> Result<UserPlanSetPayload> {
        let set = plan::set(
            accounts(ctx),
            actor(ctx),
            input.user_id,
            input.plan,
            input.expires_at,
        )
        .await;
        mutation(ctx, set.map(User))
    }
}
