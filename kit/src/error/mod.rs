//! Failures: expected ones go into a payload's `userErrors`, everything else to the top level.

mod code;
mod user;

use std::{any::Any, error::Error as StdError, fmt, sync::Arc};

pub use code::{CodeSpec, ErrorCode};
pub use user::{Fail, Refusal, UserErrorCode};

/// A top-level error: what the caller may see, and the cause that only the log sees.
#[derive(Debug, Clone)]
pub struct Error {
    code: ErrorCode,
    detail: Option<Arc<str>>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
    /// Whether the transaction in which it arose may be tried again.
    repeatable: bool,
}

impl Error {
    /// An error told by its code alone.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            detail: None,
            cause: None,
            repeatable: false,
        }
    }

    /// An error of which the caller sees `detail` instead of the code's own message.
    pub fn with_detail(code: ErrorCode, detail: impl Into<Arc<str>>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
            cause: None,
            repeatable: false,
        }
    }

    /// An unforeseen failure: logged with its cause, shown as `INTERNAL`.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::caused(ErrorCode::Internal, cause)
    }

    /// An error with a cause that is logged and never shown.
    pub fn caused(code: ErrorCode, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            code,
            detail: None,
            cause: Some(Arc::from(cause.into())),
            repeatable: false,
        }
    }

    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Whether the transaction in which this arose got into another one's way, and may well succeed when
    /// it is tried again.
    pub const fn may_be_repeated(&self) -> bool {
        self.repeatable
    }

    /// What the caller is told, in their language.
    pub fn message(&self, locale: crate::Locale) -> String {
        match &self.detail {
            Some(detail) => detail.to_string(),
            None => self.code.spec().message(locale).to_owned(),
        }
    }

    /// The cause with everything behind it, for the log.
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

/// Whether a statement failed because its server is gone, going, or takes no writes any more: the same
/// may well work in a moment, on another connection.
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

/// Whether a transaction failed because of another one. Of SQLSTATEs, diesel-async tells 40001
/// (serialization failure) and a few that never change when they are tried again; the rest, with 40P01
/// (deadlock) among them, has one kind. All of that is tried again: nothing of a failed attempt stays,
/// so what fails for another reason only fails a little later.
fn is_of_the_moment(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    matches!(
        error,
        Diesel::DatabaseError(Kind::SerializationFailure | Kind::Unknown, _)
    )
}

/// What PostgreSQL cannot keep though its type can be written: the one character that is in no text
/// and in no JSON, and times before its calendar begins or after it ends. Whoever wrote it is told
/// so, wherever it came from; text that is kept goes through [`crate::text::clean`] before.
fn not_kept(error: &diesel::result::Error) -> Option<&'static str> {
    let diesel::result::Error::DatabaseError(_, told) = error else {
        return None;
    };
    let (message, details) = (told.message(), told.details().unwrap_or_default());
    if message.contains(": 0x00") || details.contains("\\u0000") {
        return Some("Text cannot hold the character U+0000.");
    }
    message
        .starts_with("timestamp out of range")
        .then_some("This time is too far away.")
}
