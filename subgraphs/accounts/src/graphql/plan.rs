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

/// A plan.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(tag = "public")]
pub struct Plan {
    /// Which.
    pub code: PlanCode,
    /// What it is called.
    pub name: String,
    /// What it grants; at most one entry for each meter.
    pub quotas: Vec<PlanQuota>,
}

/// What a plan grants of one meter.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(tag = "public")]
pub struct PlanQuota {
    /// Of what.
    pub meter: Meter,
    /// How much; null if there is no limit.
    pub limit: Option<Long>,
    /// Whether it starts anew each month.
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
    /// Every plan, from small to large.
    #[graphql(tag = "public")]
    async fn plans(&self, ctx: &Context<'_>) -> Result<Vec<Plan>> {
        Ok(plan::all(accounts(ctx))
            .await?
            .into_iter()
            .map(Plan::from)
            .collect())
    }
}

/// The plan that a user gets.
#[derive(InputObject)]
pub struct UserPlanSetInput {
    /// The user.
    pub user_id: Id<id::User>,
    /// The plan.
    pub plan: PlanCode,
    /// Until when; without it, without end.
    pub expires_at: Option<DateTime<Utc>>,
}

atelier_kit::payload! {
    /// The outcome of setting a plan.
    pub struct UserPlanSetPayload, AccountsUserError {
        /// The user.
        user: User,
    }
}

#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Puts a user on a plan.
    #[graphql(requires_scopes = "admin:users", tag = "admin")]
    async fn user_plan_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets which plan.")] input: UserPlanSetInput,
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
