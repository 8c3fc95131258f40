//! Subscriptions to facts: event types, their union, and how it is followed.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

/// Events may be missing here: fetch the current state and subscribe again without `after`. The
/// subscription ends after this.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct ResyncRequired {
    /// When the gap was noticed.
    pub occurred_at: DateTime<Utc>,
}

/// Declares the events of a subscription: an object for each, and their union, which
/// [`ResyncRequired`] belongs to as well.
///
/// Every event has a `cursor`, the time `occurredAt`, and the fields between the first braces.
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

        $(#[$doc])*
        #[derive(::async_graphql::Union)]
        $vis enum $union {
            $(
                #[allow(missing_docs, reason = "the type's description says it")]
                $variant($name),
            )+
            /// Events may be missing.
            Resync($crate::graphql::ResyncRequired),
        }

        impl From<$crate::graphql::ResyncRequired> for $union {
            fn from(resync: $crate::graphql::ResyncRequired) -> Self {
                Self::Resync(resync)
            }
        }
    };

    (@event
        { $($(#[$shared_doc:meta])* $shared:ident: $shared_ty:ty),* $(,)? }
        $(#[$doc:meta])* $vis:vis $name:ident
        { $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(::async_graphql::SimpleObject)]
        $vis struct $name {
            /// The event's position in the stream. Pass it as `after` to resume behind this event.
            pub cursor: $crate::page::Cursor,
            /// When it happened.
            pub occurred_at: ::chrono::DateTime<::chrono::Utc>,
            $($(#[$shared_doc])* pub $shared: $shared_ty,)*
            $($(#[$field_doc])* pub $field: $ty,)*
        }
    };
}
