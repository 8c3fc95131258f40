//! Mutation payloads: the changed object, or the reasons why nothing was changed.

use async_graphql::Context;

use super::actor;
use crate::{
    Locale,
    error::{Fail, Refusal, UserErrorCode},
};

/// The payload type of a mutation.
pub trait Payload: Sized {
    /// The domain's enum of error codes.
    type Code: UserErrorCode;
    /// What the operation returns on success.
    type Done;

    /// Builds the payload of a success.
    fn done(done: Self::Done) -> Self;

    /// Builds the payload of a refusal.
    fn refused(refusals: Vec<Refusal<Self::Code>>, locale: Locale) -> Self;
}

/// Converts the outcome of an operation to its payload. A failure that is not expected becomes a
/// top-level error.
///
/// # Errors
/// The error that the operation failed with.
pub fn mutation<P: Payload>(
    ctx: &Context<'_>,
    outcome: Result<P::Done, Fail<P::Code>>,
) -> async_graphql::Result<P> {
    match outcome {
        Ok(done) => Ok(P::done(done)),
        Err(Fail::Refused(refusals)) => Ok(P::refused(refusals, actor(ctx).locale)),
        Err(Fail::Error(error)) => Err(error.into()),
    }
}

/// Declares a mutation payload: nullable fields that are set on success, and `userErrors`.
///
/// A success is the value of the field or, if there are several, a tuple of their values.
///
/// ```
/// # atelier_kit::user_errors! {
/// #     /// Why an operation on a lamp is refused.
/// #     pub enum LampErrorCode;
/// #     /// An expected failure of an operation on a lamp.
/// #     pub struct LampUserError;
/// #     {
/// #         /// The lamp is already on.
/// #         AlreadyOn = "ALREADY_ON", 10409, 409, "The lamp {name} is on.", "灯 {name} 已打开。";
/// #     }
/// # }
/// atelier_kit::payload! {
///     /// The result of switching a lamp on.
///     pub struct LampSwitchOnPayload, LampUserError {
///         /// The lamp.
///         lamp: String,
///         /// How much power it draws, in watts.
///         power: i32,
///     }
/// }
/// ```
#[macro_export]
macro_rules! payload {
    ($($(#[$doc:meta])* $vis:vis struct $name:ident, $error:ty {
        $($(#[$field_doc:meta])* $field:ident: $ty:ty),+ $(,)?
    })+) => {$(
        #[derive(::async_graphql::SimpleObject)]
        $(#[$doc])*
        $vis struct $name {
            $($(#[$field_doc])* pub $field: Option<$ty>,)+
            /// Why nothing was changed; empty if the mutation succeeded.
            pub user_errors: Vec<$error>,
        }

        impl $crate::graphql::Payload for $name {
            type Code = <$error as $crate::error::UserErrorObject>::Code;
            type Done = ($($ty),+);

            fn done(($($field),+): Self::Done) -> Self {
                Self { $($field: Some($field),)+ user_errors: Vec::new() }
            }

            fn refused(
                refusals: Vec<$crate::error::Refusal<Self::Code>>,
                locale: $crate::Locale,
            ) -> Self {
                let tell = |refusal| <$error as $crate::error::UserErrorObject>::of(refusal, locale);
                Self {
                    $($field: None,)+
                    user_errors: refusals.into_iter().map(tell).collect(),
                }
            }
        }
    )+};
}
