//! What can be followed.

use std::sync::Arc;

use async_graphql::{Context, Result, SimpleObject, Subscription as GraphqlSubscription, Union};
use atelier_kit::{
    event::{Event, Followed, Interest, follow},
    graphql::{
        actor,
        directive::{authenticated, resumable},
        scope,
    },
    id::{self, Id},
    page::Cursor,
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::BoxStream};

use super::{accounts, quota::Quota};
use crate::{
    app::{
        Accounts,
        authority::{ACCOUNT_READ, require_own},
        event, role,
    },
    kinds::{Meter, PlanCode, RevokedReason, UserStatus},
};

/// Something that happened to the caller's account.
#[derive(Union)]
pub enum AccountEvent {
    /// Sessions have ended.
    SessionsRevoked(SessionsRevoked),
    /// A quota has changed.
    QuotaChanged(QuotaChanged),
    /// The plan has changed.
    PlanChanged(PlanChanged),
    /// Roles or their scopes have changed.
    RolesChanged(RolesChanged),
    /// The account was suspended, activated, or is about to be deleted.
    StatusChanged(StatusChanged),
    /// Events are missing.
    Resync(ResyncRequired),
}

/// Something that happened to one of the caller's quotas.
#[derive(Union)]
pub enum QuotaEvent {
    /// A quota has changed.
    QuotaChanged(QuotaChanged),
    /// Events are missing.
    Resync(ResyncRequired),
}

macro_rules! account_event {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        #[graphql(directive = authenticated::apply())]
        pub struct $name {
            /// Where the event stands; give it as `after` to resume behind it.
            pub cursor: Cursor,
            /// When it happened.
            pub occurred_at: DateTime<Utc>,
            $($(#[$field_doc])* pub $field: $ty,)*
        }
    };
}

account_event!(
    /// Sessions have ended before their time.
    SessionsRevoked {
        /// Which.
        session_ids: Vec<Id<id::Session>>,
        /// Why.
        reason: RevokedReason,
    }
);
account_event!(
    /// A quota has changed.
    QuotaChanged {
        /// The quota after the change.
        quota: Quota,
    }
);
account_event!(
    /// The plan has changed.
    PlanChanged {
        /// The plan from now on.
        plan: PlanCode,
    }
);
account_event!(
    /// The caller's roles, or the scopes of their roles, have changed.
    RolesChanged {
        /// The names of the roles that the caller has now.
        roles: Vec<String>,
        /// What the caller may do now.
        scopes: Vec<String>,
    }
);
account_event!(
    /// The account was suspended, activated, or is about to be deleted.
    StatusChanged {
        /// The status after the change.
        status: UserStatus,
        /// Why.
        reason: Option<String>,
    }
);

/// Events are missing here: read the state anew and subscribe again without `after`.
#[derive(SimpleObject)]
#[graphql(shareable)]
pub struct ResyncRequired {
    /// When this was found out.
    pub occurred_at: DateTime<Utc>,
}

/// What can be followed.
pub struct Subscription;

/// What can be followed.
#[GraphqlSubscription]
impl Subscription {
    /// What happens to the caller's account. Needs the scope `account:read`.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn account_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Begin behind this event; without it, with what happens from now on.")]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<AccountEvent>>> {
        require_own(actor(ctx), ACCOUNT_READ)?;
        follow_own(ctx, after, |event| event.topic.starts_with("user.")).await
    }

    /// What happens to the caller's quotas.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn quota_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this meter.")] meter: Option<Meter>,
        #[graphql(desc = "Begin behind this event; without it, with what happens from now on.")]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<QuotaEvent>>> {
        let wanted = move |event: &Event| {
            event.topic == event::QUOTA_CHANGED
                && meter.is_none_or(|meter| {
                    event
                        .details::<event::QuotaChanged>()
                        .is_ok_and(|changed| changed.meter == meter)
                })
        };
        let events = follow_own(ctx, after, wanted).await?;
        Ok(events
            .filter_map(|event| {
                std::future::ready(match event {
                    Ok(AccountEvent::QuotaChanged(changed)) => {
                        Some(Ok(QuotaEvent::QuotaChanged(changed)))
                    }
                    Ok(AccountEvent::Resync(resync)) => Some(Ok(QuotaEvent::Resync(resync))),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
            })
            .boxed())
    }
}

/// The caller's events that are `wanted`.
async fn follow_own(
    ctx: &Context<'_>,
    after: Option<Cursor>,
    wanted: impl Fn(&Event) -> bool + Send + Sync + 'static,
) -> Result<BoxStream<'static, Result<AccountEvent>>> {
    let user = actor(ctx).require_user()?;
    let key = user.to_string();
    let accounts = Arc::clone(accounts(ctx));
    let loaders = Arc::clone(&scope(ctx).loaders);
    let deps = accounts.deps.clone();
    let own = Interest::ids([&key]);
    let events = follow(&deps, after.as_ref(), own, move |event| {
        event.key == key && wanted(event)
    })
    .await?;
    Ok(events
        .filter_map(move |followed| {
            loaders.clear();
            let accounts = Arc::clone(&accounts);
            async move {
                match followed {
                    Followed::Resync => Some(Ok(AccountEvent::Resync(ResyncRequired {
                        occurred_at: accounts.now(),
                    }))),
                    Followed::Event(event, cursor) => {
                        tell(&accounts, user, &event, cursor).await.transpose()
                    }
                }
            }
        })
        .boxed())
}

/// An event as the schema tells it; `None` for topics that are not told.
async fn tell(
    accounts: &Accounts,
    user: Id<id::User>,
    told: &Event,
    cursor: Cursor,
) -> Result<Option<AccountEvent>> {
    let occurred_at = told.occurred_at;
    Ok(Some(match told.topic.as_str() {
        event::SESSIONS_REVOKED => {
            let event::SessionsRevoked { sessions, reason } = told.details()?;
            AccountEvent::SessionsRevoked(SessionsRevoked {
                cursor,
                occurred_at,
                session_ids: sessions,
                reason,
            })
        }
        event::QUOTA_CHANGED => {
            let quota = Quota::from(told.details::<event::QuotaChanged>()?);
            AccountEvent::QuotaChanged(QuotaChanged {
                cursor,
                occurred_at,
                quota,
            })
        }
        event::PLAN_CHANGED => {
            let event::PlanChanged { plan } = told.details()?;
            AccountEvent::PlanChanged(PlanChanged {
                cursor,
                occurred_at,
                plan,
            })
        }
        event::ROLES_CHANGED => {
            let (roles, scopes) = role::of(accounts, user).await?;
            AccountEvent::RolesChanged(RolesChanged {
                cursor,
                occurred_at,
                roles,
                scopes,
            })
        }
        event::STATUS_CHANGED => {
            let event::StatusChanged { status, reason } = told.details()?;
            AccountEvent::StatusChanged(StatusChanged {
                cursor,
                occurred_at,
                status,
                reason,
            })
        }
        _ => return Ok(None),
    }))
}
