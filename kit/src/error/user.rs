//! Expected failures: one code enum and one error type per domain.

use serde_json::{Map, Value};

use super::{CodeSpec, Error};
use crate::Locale;

/// A domain's enum of expected failures; implemented by [`user_errors!`](crate::user_errors).
pub trait UserErrorCode: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// Returns the properties of this code.
    fn spec(self) -> &'static CodeSpec;
}

/// An expected failure of a mutation, which changed nothing: the input at fault, and the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal<C> {
    /// The stable code.
    pub code: C,
    /// The path of the input at fault, such as `["input", "lines", "0", "quantity"]`.
    pub path: Vec<String>,
    /// The parameters of the message, for clients with messages of their own.
    pub params: Map<String, Value>,
}

impl<C: UserErrorCode> Refusal<C> {
    /// Creates a refusal of the input at `path`, written with dots: `"input.lines.0.quantity"`.
    pub fn new(code: C, path: &str) -> Self {
        Self {
            code,
            path: path.split('.').map(str::to_owned).collect(),
            params: Map::new(),
        }
    }

    /// Adds a parameter of the message.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the message in a language, with its parameters filled in.
    pub fn message(&self, locale: Locale) -> String {
        let mut message = self.code.spec().message(locale).to_owned();
        for (name, value) in &self.params {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            message = message.replace(&format!("{{{name}}}"), &text);
        }
        message
    }
}

/// A domain's error type; implemented by [`user_errors!`](crate::user_errors).
pub trait UserErrorObject: Sized {
    /// The domain's enum of error codes.
    type Code: UserErrorCode;

    /// Converts a refusal, with its message in the given language.
    fn of(refusal: Refusal<Self::Code>, locale: Locale) -> Self;
}

/// Why a mutation failed.
#[derive(Debug, Clone)]
pub enum Fail<C> {
    /// Expected failures, reported in the payload's `userErrors`.
    Refused(Vec<Refusal<C>>),
    /// Any other failure, reported as a top-level error.
    Error(Error),
}

impl<C: UserErrorCode> Fail<C> {
    /// Creates a failure with a single refusal.
    pub fn refused(code: C, path: &str) -> Self {
        Self::Refused(vec![Refusal::new(code, path)])
    }
}

impl<C> From<Refusal<C>> for Fail<C> {
    fn from(refusal: Refusal<C>) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl<C> From<Error> for Fail<C> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

// Required by diesel's transactions; it also makes `?` work for all other errors.
impl<C, E: std::error::Error + Send + Sync + 'static> From<E> for Fail<C> {
    fn from(cause: E) -> Self {
        Self::Error(cause.into())
    }
}

/// Declares a domain's expected failures: its enum of codes, its error type, and the interface
/// `UserError` that all domains share.
///
/// ```
/// atelier_kit::user_errors! {
///     /// Why an operation on a lamp is refused.
///     pub enum LampErrorCode;
///     /// An expected failure of an operation on a lamp.
///     pub struct LampUserError;
///     {
///         /// The lamp is already on.
///         AlreadyOn = "ALREADY_ON", 10409, 409, "The lamp {name} is on.", "灯 {name} 已打开。";
///     }
/// }
/// ```
#[macro_export]
macro_rules! user_errors {
    ($(#[$enum_doc:meta])* pub enum $enum:ident; $(#[$struct_doc:meta])* pub struct $error:ident;
        { $($(#[$doc:meta])* $variant:ident = $name:literal, $numeric:literal, $http:literal, $en:literal, $zh:literal;)+ }
    ) => {
        $crate::error_codes! {
            $(#[$enum_doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::async_graphql::Enum)]
            pub enum $enum {
                $($(#[$doc])* #[graphql(name = $name)] $variant = $name, $numeric, $http, $en, $zh;)+
            }
        }

        impl $crate::error::UserErrorCode for $enum {
            fn spec(self) -> &'static $crate::error::CodeSpec {
                Self::spec(self)
            }
        }

        $(#[$struct_doc])*
        #[derive(Debug, Clone, ::async_graphql::SimpleObject)]
        #[graphql(tag = "public")]
        pub struct $error {
            /// A message for people, in the caller's language. It may be reworded.
            pub message: String,
            /// The path of the input at fault, as names and list positions: `input`, `ids`, `0`.
            pub path: Vec<String>,
            /// The stable code to match on.
            pub code: $enum,
            /// The five-digit number of the code.
            pub numeric_code: i32,
            /// The parameters of the message, such as a limit, for clients with messages of their
            /// own.
            pub params: ::async_graphql::Json<::serde_json::Map<String, ::serde_json::Value>>,
        }

        impl $crate::error::UserErrorObject for $error {
            type Code = $enum;

            fn of(refusal: $crate::error::Refusal<$enum>, locale: $crate::Locale) -> Self {
                Self {
                    message: refusal.message(locale),
                    numeric_code: refusal.code.spec().numeric,
                    code: refusal.code,
                    path: refusal.path,
                    params: ::async_graphql::Json(refusal.params),
                }
            }
        }

        /// An expected failure of a mutation.
        #[derive(Debug, Clone, ::async_graphql::Interface)]
        #[graphql(
            field(name = "message", ty = "&String", desc = "A message for people, in the caller's language. It may be reworded."),
            field(name = "path", ty = "&Vec<String>", desc = "The path of the input at fault, as names and list positions: `input`, `ids`, `0`."),
        )]
        pub enum UserError {
            /// The domain's own error type.
            Own($error),
        }
    };
}
