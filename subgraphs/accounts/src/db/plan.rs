//! Plans and the quotas that they grant.

use atelier_kit::{db::Connection, error::Error};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    kinds::{Meter, PlanCode},
    tables::{plan, plan_quota},
};

/// A plan.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plan)]
pub struct PlanRow {
    pub code: PlanCode,
    pub name: String,
}

/// The amount of one meter that a plan grants.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = plan_quota)]
pub struct PlanQuotaRow {
    pub plan: PlanCode,
    pub meter: Meter,
    pub amount: Option<i64>,
    pub monthly: bool,
}

/// All plans, from the smallest to the largest, with the quotas that they grant.
pub async fn all(connection: &mut Connection) -> Result<Vec<(PlanRow, Vec<PlanQuotaRow>)>, Error> {
    let plans: Vec<PlanRow> = plan::table
        .order(plan::rank)
        .select(PlanRow::as_select())
        .load(connection)
        .await?;
    let quotas: Vec<PlanQuotaRow> = plan_quota::table
        .order(plan_quota::meter)
        .select(PlanQuotaRow::as_select())
        .load(connection)
        .await?;
    Ok(plans
        .into_iter()
        .map(|plan| {
            let granted = quotas
                .iter()
                .filter(|quota| quota.plan == plan.code)
                .cloned()
                .collect();
            (plan, granted)
        })
        .collect())
}
