//! A bound on what is written.

use crate::error::{GraphqlError, code};

/// How long what is written may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ceiling {
    /// Bytes of any answer.
    pub(crate) limit: usize,
    /// Bytes that all answers together leave for this one.
    pub(crate) free: usize,
}

impl Ceiling {
    pub(super) fn bytes(self) -> usize {
        self.limit.min(self.free)
    }

    /// Tells that there was more to write.
    pub(super) fn error(self) -> GraphqlError {
        if self.limit <= self.free {
            let message = format!(
                "The answer is longer than {} bytes; ask for less.",
                self.limit
            );
            GraphqlError::new(message).with_code(code::RESPONSE_TOO_LARGE)
        } else {
            let message = "The server holds more answers than its clients take; try again later.";
            GraphqlError::new(message).with_code(code::OVERLOADED)
        }
    }
}
