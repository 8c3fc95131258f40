//! Failures: expected ones go into a payload's `userErrors`, all others into the response's
//! `errors`.

mod code;
mod user;

use std::{any::Any, error::Error as StdError, fmt, sync::Arc};

pub use code::{CodeSpec, ErrorCode};
pub use user::{Fail, Refusal, UserErrorCode, UserErrorObject};

/// A top-level error: what the caller is told, and the cause, which is only logged.
#[derive(Debug, Clone)]
pub struct Error {
    code: ErrorCode,
    detail: Option<Arc<str>>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
    /// Whether the transaction in which it occurred may be retried.
    repeatable: bool,
}

impl Error {
    /// Creates an error with the message of its code.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            detail: None,
            cause: None,
            repeatable: false,
        }
    }

    /// Creates an error with the message `detail` instead of that of its code.
    pub fn with_detail(code: ErrorCode, detail: impl Into<Arc<str>>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
            cause: None,
            repeatable: false,
        }
    }

    /// Creates an error for an unforeseen failure, which is logged with its cause and reported as
    /// `INTERNAL`.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::caused(ErrorCode::Internal, cause)
    }

    /// Creates an error with a cause, which is logged and never shown to the caller.
    pub fn caused(code: ErrorCode, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            code,
            detail: None,
            cause: Some(Arc::from(cause.into())),
            repeatable: false,
        }
    }

    /// Returns the stable code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Whether the transaction in which this occurred conflicted with another one, and may succeed
    /// if it is retried.
    pub const fn may_be_repeated(&self) -> bool {
        self.repeatable
    }

    /// Returns the message for the caller, in their language.
    pub fn message(&self, locale: crate::Locale) -> String {
        match &self.detail {
            Some(detail) => detail.to_string(),
            None => self.code.spec().message(locale).to_owned(),
        }
    }

    /// Returns the cause and its own causes, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self.cause.as_deref()?);
        let mut chain = String::new();
        while let Some(error) = next {
            if !chain.is_empty() {
                chain.push_str(": ");
            }
            chain.push_str(&error.to_string());
            next = error.source();
        }
        Some(chain)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => f.write_str(detail),
            None => f.write_str(self.code.spec().en),
        }
    }
}

// No `std::error::Error` for `Error`: it would collide with the conversion below, and nothing
// wraps an `Error` in another one.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(cause: E) -> Self {
        let any: &dyn Any = &cause;
        if let Some(detail) = any.downcast_ref().and_then(not_kept) {
            return Self::with_detail(ErrorCode::BadUserInput, detail);
        }
        if any.downcast_ref().is_some_and(is_of_the_server) {
            return Self::caused(ErrorCode::Unavailable, cause);
        }
        let repeatable = any.downcast_ref().is_some_and(is_of_the_moment);
        Self {
            repeatable,
            ..Self::internal(cause)
        }
    }
}

/// Whether a statement failed because its server is gone, is shutting down or no longer accepts
/// writes. The same statement may succeed soon, on another connection.
fn is_of_the_server(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Diesel::DatabaseError(
            Kind::ReadOnlyTransaction | Kind::ClosedConnection | Kind::UnableToSendCommand,
            _,
        ) => true,
        // SQLSTATE 57P01 and 57P02 have no kind of their own.
        Diesel::DatabaseError(_, told) => told.message().starts_with("terminating connection"),
        Diesel::RollbackErrorOnCommit {
            rollback_error,
            commit_error,
        } => is_of_the_server(rollback_error) || is_of_the_server(commit_error),
        Diesel::BrokenTransactionManager => true,
        _ => false,
    }
}

/// Whether a transaction failed because of another one. diesel-async distinguishes the SQLSTATE
/// 40001 (serialization failure) and a few that a retry cannot help; all others, 40P01 (deadlock)
/// among them, are of one kind. All of these are retried: a failed attempt leaves nothing behind,
/// so a failure of another origin is only reported a little later.
fn is_of_the_moment(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    matches!(
        error,
        Diesel::DatabaseError(Kind::SerializationFailure | Kind::Unknown, _)
    )
}

/// Values that PostgreSQL cannot store although their type allows them: the character U+0000 in
/// text or JSON, and times outside its calendar. Callers are told so, wherever the value came from.
/// Text that is stored goes through [`crate::text::clean`] first.
fn not_kept(error: &diesel::result::Error) -> Option<&'static str> {
    let diesel::result::Error::DatabaseError(_, told) = error else {
        return None;
    };
    let (message, details) = (told.message(), told.details().unwrap_or_default());
    if message.contains(": 0x00") || details.contains("\\u0000") {
        return Some("Text cannot contain the character U+0000.");
    }
    message
        .starts_with("timestamp out of range")
        .then_some("This time is out of range.")
}
