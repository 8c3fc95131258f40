//! Headers that a subgraph gets with every request, whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::{RequestContext, SubgraphError, SubgraphRequest};
use crate::config::{HeaderSource, check_header};

/// Longer values are a mistake.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Reads the values. Errors name the header and the place, never a value.
pub(super) fn read(sources: &BTreeMap<String, HeaderSource>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, source) in sources {
        let problem = |what: String| format!("headers.{name}: {what}");
        let text = match source {
            HeaderSource::Env(variable) => std::env::var(variable)
                .map_err(|_| problem(format!("the variable {variable} is not set")))?,
            HeaderSource::File(path) => std::fs::read_to_string(path)
                .map_err(|error| problem(format!("{} cannot be read: {error}", path.display())))?,
            HeaderSource::Value(text) => text.clone(),
        };
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_VALUE_BYTES {
            return Err(problem("the value is empty or too long".to_owned()));
        }
        let value = HeaderValue::from_str(text);
        let mut value = value.map_err(|_| problem("this is not a header's value".to_owned()))?;
        value.set_sensitive(true);
        check_header(name).map_err(|what| problem(what.to_owned()))?;
        if let Ok(name) = name.parse::<HeaderName>() {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// `request` with what proves its caller to `subgraph`, and with `own` headers, which go
/// before those of the client and the caller.
///
/// # Errors
/// When the caller cannot be proved.
pub(super) fn with(
    own: &HeaderMap,
    subgraph: &str,
    mut request: SubgraphRequest,
) -> Result<SubgraphRequest, SubgraphError> {
    let context = &request.context;
    if own.is_empty() && context.caller.proof.is_none() {
        return Ok(request);
    }
    let mut headers = context.headers.clone();
    if let Some(proof) = &context.caller.proof {
        let proven = proof.headers(subgraph);
        let proven = proven.map_err(|problem| {
            SubgraphError::Unavailable(format!("the caller cannot be proved: {problem}"))
        })?;
        for (name, value) in &proven {
            headers.insert(name.clone(), value.clone());
        }
    }
    let mut caller = Arc::clone(&context.caller);
    for (name, value) in own {
        headers.insert(name.clone(), value.clone());
        if caller.forward.contains_key(name) {
            Arc::make_mut(&mut caller).forward.remove(name);
        }
    }
    request.context = Arc::new(RequestContext {
        request_id: Arc::clone(&context.request_id),
        caller,
        headers,
        propagate: context.propagate.clone(),
        deadline: context.deadline,
    });
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, source: HeaderSource) -> Result<HeaderMap, String> {
        read(&BTreeMap::from([(name.to_owned(), source)]))
    }

    #[test]
    fn values_come_from_where_they_are_kept_and_stay_out_of_errors_and_logs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "secret words\n").unwrap();
        let read = one("x-token", HeaderSource::File(path.clone())).unwrap();
        assert_eq!(read["x-token"], "secret words");
        assert!(!format!("{read:?}").contains("secret"));
        std::fs::write(&path, "secret\0words").unwrap();
        let error = one("x-token", HeaderSource::File(path)).unwrap_err();
        assert!(
            error.contains("x-token") && !error.contains("secret"),
            "{error}"
        );
        let missing = HeaderSource::Env("ATELIER_TEST_NOT_SET".to_owned());
        let error = one("x-token", missing).unwrap_err();
        assert!(error.contains("ATELIER_TEST_NOT_SET"), "{error}");
        assert!(one("x-token", HeaderSource::Value(" ".to_owned())).is_err());
        assert!(one("content-length", HeaderSource::Value("1".to_owned())).is_err());
    }
}
