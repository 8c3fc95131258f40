//! Subscriptions to events of the caller's account.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription as GraphqlSubscription, Union};
use atelier_contracts::accounts::{
    UserFact, UserQuotaChanged, UserSessionsRevoked, UserStatusChanged,
};
use atelier_kit::{
    delivery::Interest,
    event::Told,
    graphql::{ResyncRequired, actor, directive::authenticated, directive::resumable, subscribe},
    id::{self, Id},
    page::Cursor,
};
use futures::stream::BoxStream;

use super::{accounts, quota::Quota};
use crate::{
    app::{
        Accounts,
        authority::{ACCOUNT_READ, require_own},
        role,
    },
    kinds::{Meter, PlanCode, RevokedReason, UserStatus},
};

atelier_kit::events! {
    /// An event about the caller's account.
    pub enum AccountEvent {} {
        /// Sessions of the caller were ended before they expired.
        #[graphql(directive = authenticated::apply())]
        SessionsRevoked(SessionsRevoked) {
            /// The ids of the sessions that were ended.
            session_ids: Vec<Id<id::Session>>,
            /// Why the sessions were ended.
            reason: RevokedReason,
        },
        /// One of the caller's quotas has changed.
        #[graphql(directive = authenticated::apply())]
        QuotaChanged(QuotaChanged) {
            /// The quota after the change.
            quota: Quota,
        },
        /// The caller's plan has changed.
        #[graphql(directive = authenticated::apply())]
        PlanChanged(PlanChanged) {
            /// The code of the new plan.
            plan: PlanCode,
        },
        /// The caller's roles have changed, or the scopes of one of them.
        #[graphql(directive = authenticated::apply())]
        RolesChanged(RolesChanged) {
            /// The names of the caller's roles after the change.
            roles: Vec<String>,
            /// The scopes that the caller's sessions hold after the change.
            scopes: Vec<String>,
        },
        /// The caller's account was suspended or reactivated, or its deletion was requested or
        /// cancelled.
        #[graphql(directive = authenticated::apply())]
        StatusChanged(StatusChanged) {
            /// The status after the change.
            status: UserStatus,
            /// The reason that an administrator gave for a suspension; null otherwise.
            reason: Option<String>,
        },
    }
}

/// An event about one of the caller's quotas.
#[derive(Union)]
pub enum QuotaEvent {
    /// One of the caller's quotas has changed.
    QuotaChanged(QuotaChanged),
    /// Events may have been missed.
    Resync(ResyncRequired),
}

/// The root of all subscriptions.
pub struct Subscription;

#[GraphqlSubscription]
impl Subscription {
    /// Delivers events about the caller's account: ended sessions, and changes of its quotas, plan,
    /// roles and status. Requires the scope `account:read`.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn account_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Resumes after the event with this cursor. By default, only new events are delivered."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<AccountEvent>>> {
        let user = require_own(actor(ctx), ACCOUNT_READ)?;
        let accounts = Arc::clone(accounts(ctx));
        let deps = accounts.deps.clone();
        let tell = move |told: Told<UserFact>, cursor| {
            let accounts = Arc::clone(&accounts);
            async move { account_event(&accounts, told, cursor).await }
        };
        subscribe(ctx, &deps, Interest::of(user), after, tell).await
    }

    /// Delivers changes of the caller's quotas.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn quota_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Delivers only changes of this meter; all meters by default.")]
        meter: Option<Meter>,
        #[graphql(
            desc = "Resumes after the event with this cursor. By default, only new events are delivered."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<QuotaEvent>>> {
        let user = actor(ctx).require_user()?;
        let tell = move |told: Told<UserQuotaChanged>, cursor| {
            let wanted = meter.is_none_or(|meter| meter == told.fact.meter);
            let event = QuotaChanged {
                cursor,
                occurred_at: told.occurred_at,
                quota: told.fact.into(),
            };
            std::future::ready(Ok(wanted.then_some(QuotaEvent::QuotaChanged(event))))
        };
        subscribe(ctx, &accounts(ctx).deps, Interest::of(user), after, tell).await
    }
}

/// Converts a fact about an account to an event; `None` for facts that subscribers do not get.
async fn account_event(
    accounts: &Accounts,
    told: Told<UserFact>,
    cursor: Cursor,
) -> Result<Option<AccountEvent>> {
    let occurred_at = told.occurred_at;
    Ok(Some(match told.fact {
        UserFact::UserSessionsRevoked(UserSessionsRevoked {
            sessions, reason, ..
        }) => AccountEvent::SessionsRevoked(SessionsRevoked {
            cursor,
            occurred_at,
            session_ids: sessions,
            reason,
        }),
        UserFact::UserQuotaChanged(changed) => AccountEvent::QuotaChanged(QuotaChanged {
            cursor,
            occurred_at,
            quota: changed.into(),
        }),
        UserFact::UserPlanChanged(changed) => AccountEvent::PlanChanged(PlanChanged {
            cursor,
            occurred_at,
            plan: changed.plan,
        }),
        UserFact::UserRolesChanged(changed) => {
            let (roles, scopes) = role::of(accounts, changed.user).await?;
            AccountEvent::RolesChanged(RolesChanged {
                cursor,
                occurred_at,
                roles,
                scopes,
            })
        }
        UserFact::UserStatusChanged(UserStatusChanged { status, reason, .. }) => {
            AccountEvent::StatusChanged(StatusChanged {
                cursor,
                occurred_at,
                status,
                reason,
            })
        }
        UserFact::UserRegistered(_) | UserFact::UserUpdated(_) | UserFact::UserDeleted(_) => {
            return Ok(None);
        }
    }))
}
