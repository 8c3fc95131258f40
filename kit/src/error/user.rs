//! Expected failures: one code enum and one error type per domain.

use serde_json::{Map, Value};

use super::{CodeSpec, Error};
use crate::Locale;

/// A domain's enum of expected failures; implemented by [`user_errors!`](crate::user_errors).
pub trait UserErrorCode: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// What is told about the code.
    fn spec(self) -> &'static CodeSpec;
}

/// An expected failure of a mutation: which input is at fault and why. Nothing was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal<C> {
    /// The stable code.
    pub code: C,
    /// The input at fault: `["input", "lines", "0", "quantity"]`.
    pub path: Vec<String>,
    /// Values that the message names, for the client's own wording.
    pub params: Map<String, Value>,
}

impl<C: UserErrorCode> Refusal<C> {
    /// A refusal of the input at `path`, written with dots: `"input.lines.0.quantity"`.
    pub fn new(code: C, path: &str) -> Self {
        Self {
            code,
            path: path.split('.').map(str::to_owned).collect(),
            params: Map::new(),
        }
    }

    /// Adds a value that the message names.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// The message in a language, with the parameters filled in.
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

/// Why a mutation did not do what was asked.
#[derive(Debug, Clone)]
pub enum Fail<C> {
    /// Expected: shown in the payload's `userErrors`.
    Refused(Vec<Refusal<C>>),
    /// Anything else: a top-level error.
    Error(Error),
}

impl<C: UserErrorCode> Fail<C> {
    /// A single refusal.
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

// Wanted by diesel's transactions, and lets `?` work on everything that is not expected.
impl<C, E: std::error::Error + Send + Sync + 'static> From<E> for Fail<C> {
    fn from(cause: E) -> Self {
        Self::Error(cause.into())
    }
}

/// Declares a domain's expected failures: the code enum, the `UserError` object and the interface
/// that all domains share.
///
/// ```
/// atelier_kit::user_errors! {
///     /// Why an operation on a lamp is refused.
///     pub enum LampErrorCode;
///     /// An expected failure of an operation on a lamp.
///     pub struct LampUserError;
///     {
///         /// The lamp glows already.
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
            /// What went wrong, in the caller's language.
            pub message: String,
            /// The input at fault, as a path of names and list positions.
            pub path: Vec<String>,
            /// Stable code to match on.
            pub code: $enum,
            /// Five-digit number of the code.
            pub numeric_code: i32,
            /// Values that the message names.
            pub params: ::async_graphql::Json<::serde_json::Map<String, ::serde_json::Value>>,
        }

        impl $crate::graphql::UserErrorObject for $error {
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
            field(name = "message", ty = "&String", desc = "What went wrong, in the caller's language."),
            field(name = "path", ty = "&Vec<String>", desc = "The input at fault, as a path of names and list positions."),
        )]
        pub enum UserError {
            /// The domain's own error type.
            Own($error),
        }
    };
}
