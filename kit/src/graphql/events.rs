//! Subscriptions to facts: event types, their union, and the stream of events.

use std::sync::Arc;

use async_graphql::{Context, Result, SimpleObject};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::BoxStream};

use super::scope;
use crate::{
    Deps,
    delivery::{Followed, Interest, follow},
    error::Error,
    event::{Event, Fact, Told},
    page::Cursor,
};

/// Events may have been missed. Fetch the current state and subscribe again without `after`; this
/// is the last event of the subscription.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct ResyncRequired {
    /// When the server noticed that events may be missing.
    pub occurred_at: DateTime<Utc>,
}

/// A resumable subscription to a domain's facts: what comes behind the cursor `after`, or what happens
/// from now on. Only facts that concern `interest` reach this caller at all; of these `tell` makes
/// events, or nothing, if the caller is not to know.
///
/// # Errors
/// `BAD_USER_INPUT` for a cursor of another stream, `UNAVAILABLE` if Redis does not answer.
pub async fn subscribe<F, E, T, Telling>(
    ctx: &Context<'_>,
    deps: &Deps,
    interest: Interest,
    after: Option<Cursor>,
    tell: T,
) -> Result<BoxStream<'static, Result<E>>>
where
    F: Fact,
    E: From<ResyncRequired> + Send + 'static,
    T: Fn(Told<F>, Cursor) -> Telling + Send + Sync + 'static,
    Telling: Future<Output = Result<Option<E>>> + Send,
{
    let loaders = Arc::clone(&scope(ctx).loaders);
    let clock = Arc::clone(&deps.clock);
    let wanted = |event: &Event| F::TOPICS.contains(&event.topic.as_str());
    let tell = Arc::new(tell);
    let followed = follow(deps, after.as_ref(), interest, wanted).await?;
    let events = followed.filter_map(move |followed| {
        loaders.clear();
        let (tell, clock) = (Arc::clone(&tell), Arc::clone(&clock));
        async move {
            match followed {
                Followed::Resync => {
                    let occurred_at = clock.now();
                    Some(Ok(ResyncRequired { occurred_at }.into()))
                }
                Followed::Event(event, cursor) => match Told::of(&event) {
                    Ok(Some(told)) => tell(told, cursor).await.transpose(),
                    Ok(None) => None,
                    Err(cause) => Some(Err(Error::internal(cause).into())),
                },
            }
        }
    });
    Ok(events.boxed())
}

/// Declares the events of a subscription: an object type for each, and their union, which also
/// includes [`ResyncRequired`].
///
/// Every event has a `cursor`, the time `occurredAt`, and the fields between the first braces. Attributes
/// before an event are its object's: with `#[graphql(complex)]` it has fields that are computed.
///
/// ```
/// atelier_kit::events! {
///     /// Something that happened to a lamp.
///     pub enum LampEvent {
///         /// The lamp.
///         lamp_name: String,
///     } {
///         /// A lamp was lit.
///         Lit(LampLit) {
///             /// How bright it is, in lumens.
///             lumens: i32,
///         },
///         /// A lamp was put out.
///         PutOut(LampPutOut) {},
///     }
/// }
/// ```
#[macro_export]
macro_rules! events {
    ($(#[$doc:meta])* $vis:vis enum $union:ident $shared:tt {
        $($(#[$event_doc:meta])* $variant:ident($name:ident) $fields:tt,)+
    }) => {
        $($crate::events!(@event $shared $(#[$event_doc])* $vis $name $fields);)+

        #[derive(::async_graphql::Union)]
        $(#[$doc])*
        $vis enum $union {
            $(
                #[allow(missing_docs, reason = "the type's description says it")]
                $variant($name),
            )+
            /// Events may have been missed.
            Resync($crate::graphql::ResyncRequired),
        }
    };

    (@event
        { $($(#[$shared_doc:meta])* $shared:ident: $shared_ty:ty),* $(,)? }
        $(#[$doc:meta])* $vis:vis $name:ident
        { $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? }
    ) => {
        #[derive(::async_graphql::SimpleObject)]
        $(#[$doc])*
        $vis struct $name {
            /// The event's position in the stream. Pass it as `after` to resume after this event.
            pub cursor: $crate::page::Cursor,
            /// When the event happened.
            pub occurred_at: ::chrono::DateTime<::chrono::Utc>,
            $($(#[$shared_doc])* pub $shared: $shared_ty,)*
            $($(#[$field_doc])* pub $field: $ty,)*
        }
    };
}
