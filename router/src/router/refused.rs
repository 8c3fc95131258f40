//! Requests that did not run.

use crate::error::{GraphqlError, code};
use crate::execute;
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
