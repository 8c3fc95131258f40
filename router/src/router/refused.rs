//! Requests that did not run.

use crate::error::{GraphqlError, code};
use crate::execute;
use crate::quota::Full;
use crate::request::{ClientResponse, Outcome, ResponseStatus, Summary};

/// A request that did not run.
pub(crate) struct Refused {
    pub(super) errors: Vec<GraphqlError>,
    pub(super) status: ResponseStatus,
}

impl Refused {
    pub(crate) fn request(errors: Vec<GraphqlError>) -> Self {
        Self {
            errors,
            status: ResponseStatus::Refused,
        }
    }

    pub(super) fn failed(error: GraphqlError) -> Self {
        let status = match error.code() {
            Some(code::OPERATION_TOO_LARGE) => ResponseStatus::Refused,
            _ => ResponseStatus::Failed,
        };
        Self {
            errors: vec![error],
            status,
        }
    }

    pub(super) fn executed(errors: Vec<GraphqlError>) -> Self {
        Self {
            errors,
            status: ResponseStatus::Executed,
        }
    }

    pub(super) fn bad(message: String) -> Self {
        let error = GraphqlError::new(message).with_code(code::BAD_REQUEST);
        Self {
            errors: vec![error],
            status: ResponseStatus::BadRequest,
        }
    }

    /// The client, or all clients together, hold as much as they may.
    pub(super) fn full(full: Full) -> Self {
        let (error, status) = match full {
            Full::Holder => (
                GraphqlError::new("You have too many subscriptions.").with_code(code::RATE_LIMITED),
                ResponseStatus::Limited,
            ),
            Full::InAll => (
                GraphqlError::new("The server has too many subscriptions; try again later.")
                    .with_code(code::OVERLOADED),
                ResponseStatus::Overloaded,
            ),
        };
        Self {
            errors: vec![error],
            status,
        }
    }

    pub(super) fn no_query() -> Self {
        Self::bad("The request has no \"query\".".into())
    }
}

/// The answer to a request that did not run.
pub(super) fn refuse(errors: &[GraphqlError], status: ResponseStatus, request_id: &str) -> Outcome {
    let summary = Summary {
        errors: errors.len(),
        ..Summary::default()
    };
    Outcome::Single(ClientResponse {
        body: execute::refusal(errors, request_id),
        status,
        summary,
    })
}
