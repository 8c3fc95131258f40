//! Mutation payloads: the changed thing, or the reasons why nothing was changed.

use async_graphql::Context;

use super::actor;
use crate::{
    Locale,
    error::{Fail, Refusal, UserErrorCode},
};

/// A mutation's payload type.
pub trait Payload: Sized {
    /// The domain's code enum.
    type Code: UserErrorCode;
    /// What the operation gives when it succeeds.
    type Done;

    /// The payload of a success.
    fn done(done: Self::Done) -> Self;

    /// The payload of a refusal.
    fn refused(refusals: Vec<Refusal<Self::Code>>, locale: Locale) -> Self;
}

/// Turns the outcome of an operation into its payload; what is not an expected failure becomes a
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

/// Declares a mutation payload with one nullable success field and `userErrors`.
///
/// `payload!(Doc, Name { field: Type }, Code, Error)`, where the success value is `Type`.
#[macro_export]
macro_rules! payload {
    ($(#[$doc:meta])* pub struct $name:ident { $(#[$field_doc:meta])* $field:ident: $ty:ty $(,)? }, $code:ty, $error:ty) => {
        $(#[$doc])*
        #[derive(::async_graphql::SimpleObject)]
        pub struct $name {
            $(#[$field_doc])*
            pub $field: Option<$ty>,
            /// Why nothing was changed; empty on success.
            pub user_errors: Vec<$error>,
        }

        impl $crate::graphql::Payload for $name {
            type Code = $code;
            type Done = $ty;

            fn done(done: $ty) -> Self {
                Self { $field: Some(done), user_errors: Vec::new() }
            }

            fn refused(refusals: Vec<$crate::error::Refusal<$code>>, locale: $crate::Locale) -> Self {
                Self {
                    $field: None,
                    user_errors: refusals.into_iter().map(|refusal| <$error>::from((refusal, locale))).collect(),
                }
            }
        }
    };
}
