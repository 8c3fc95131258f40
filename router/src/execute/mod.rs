//! Running a plan and writing the answer.

mod ceiling;
mod covers;
mod entities;
mod error_paths;
mod feed;
mod feeds;
mod fetch;
mod incremental;
mod merge;
mod nullify;
mod payload;
mod project;
mod source;
mod store;
mod subscribe;
mod subscribers;
mod upstream;
mod values;
mod view;

use bytes::Bytes;
use serde_json::{Map, Value};

pub(crate) use ceiling::Ceiling;
pub(crate) use feeds::Feeds;
pub(crate) use fetch::Run;
pub(crate) use incremental::{Incremental, Message};
pub(crate) use project::{Source, project};
pub(crate) use subscribe::{Subscription, events};

use crate::error::GraphqlError;
use crate::json::write;

/// Writes `{"data":…,"errors":[…]}`; also gives the number of errors.
pub(crate) fn response(
    source: &Source<'_>,
    mut errors: Vec<GraphqlError>,
    request_id: &str,
) -> (Bytes, usize) {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"data\":");
    project(source, &mut errors, &mut out);
    write_errors(&mut out, &errors, request_id);
    out.push(b'}');
    (Bytes::from(out), errors.len())
}

/// Writes `{"errors":[…]}`, for requests that were refused.
pub(crate) fn refusal(errors: &[GraphqlError], request_id: &str) -> Bytes {
    let mut out = b"{".to_vec();
    write_errors(&mut out, errors, request_id);
    out.push(b'}');
    Bytes::from(out)
}

fn write_errors(out: &mut Vec<u8>, errors: &[GraphqlError], request_id: &str) {
    if errors.is_empty() {
        return;
    }
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(b"\"errors\":");
    let errors: Vec<Value> = errors
        .iter()
        .map(|error| error_value(error, request_id))
        .collect();
    write::value(out, &Value::Array(errors));
}

/// An error as JSON, with the request's id among its extensions.
pub(crate) fn error_value(error: &GraphqlError, request_id: &str) -> Value {
    let mut error = error.clone();
    if !request_id.is_empty() {
        error
            .extensions
            .insert("requestId".to_owned(), Value::from(request_id));
    }
    serde_json::to_value(error).unwrap_or_else(|_| Value::Object(Map::new()))
}
