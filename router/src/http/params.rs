//! From the body or the query string of a request to its parameters.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::graphql::EdgeError;
use super::negotiate::BodyType;
use crate::error::code;
use crate::request::GraphqlParams;
use crate::router::Router;

/// Reads the body of a POST.
pub(super) async fn read_body(
    router: &Router,
    headers: &HeaderMap,
    body: Body,
) -> Result<GraphqlParams, EdgeError> {
    let unsupported = |message: String| {
        EdgeError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::BAD_REQUEST,
            message,
        )
    };
    match BodyType::of(headers) {
        BodyType::Json => {}
        BodyType::Multipart => {
            let hint = &router.config().http.upload_hint;
            return Err(unsupported(format!(
                "Files are not uploaded through GraphQL. {hint}"
            )));
        }
        BodyType::Other => {
            return Err(unsupported(
                "The body must be JSON: \"content-type: application/json\".".into(),
            ));
        }
    }
    let limit = router.config().limits.max_body_bytes;
    let too_large = || {
        EdgeError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::BAD_REQUEST,
            format!("The body is larger than {limit} bytes."),
        )
    };
    let announced = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok());
    if announced
        .and_then(|v| v.parse::<usize>().ok())
        .is_some_and(|length| length > limit)
    {
        return Err(too_large());
    }
    // A client that sends a byte now and then would be waited for for ever.
    let allowed = Duration::from_millis(router.config().timeouts.request_ms);
    let Ok(read) = tokio::time::timeout(allowed, to_bytes(body, limit)).await else {
        return Err(EdgeError::new(
            StatusCode::REQUEST_TIMEOUT,
            code::REQUEST_TIMEOUT,
            "The body took too long to arrive.",
        ));
    };
    let bytes = read.map_err(|error| {
        use std::error::Error as _;
        match error
            .source()
            .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
        {
            true => too_large(),
            false => EdgeError::bad("The body could not be read."),
        }
    })?;
    params_of_json(&bytes)
}

/// Reads the JSON of a request, with an error for each thing that can be wrong.
pub(super) fn params_of_json(bytes: &[u8]) -> Result<GraphqlParams, EdgeError> {
    // The common case first; what fails is looked at again to say why.
    if bytes.first() == Some(&b'{')
        && let Ok(params) = serde_json::from_slice::<GraphqlParams>(bytes)
    {
        return Ok(params);
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) => params_of_value(fields),
        Ok(Value::Array(_)) => Err(EdgeError::bad(
            "Batches are not supported; send one operation.",
        )),
        Ok(_) => Err(EdgeError::bad("The body must be a JSON object.")),
        Err(error) => Err(EdgeError::bad(format!(
            "The body is not valid JSON: {error}"
        ))),
    }
}

/// Reads the fields of a request.
pub(super) fn params_of_value(mut fields: Map<String, Value>) -> Result<GraphqlParams, EdgeError> {
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(EdgeError::bad(format!("\"{name}\" must be a string."))),
    };
    let (query, operation_name) = (text("query")?, text("operationName")?);
    let mut object = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(EdgeError::bad(format!("\"{name}\" must be an object."))),
    };
    Ok(GraphqlParams {
        query,
        operation_name,
        variables: object("variables")?,
        extensions: object("extensions")?,
    })
}

/// Reads the query string of a GET.
pub(super) fn params_of_query(
    mut query: HashMap<String, String>,
) -> Result<GraphqlParams, EdgeError> {
    let mut fields = Map::new();
    for name in ["variables", "extensions"] {
        if let Some(text) = query.remove(name).filter(|text| !text.is_empty()) {
            let value = serde_json::from_str(&text)
                .map_err(|_| EdgeError::bad(format!("\"{name}\" is not valid JSON.")))?;
            fields.insert(name.to_owned(), value);
        }
    }
    for name in ["query", "operationName"] {
        if let Some(text) = query.remove(name) {
            fields.insert(name.to_owned(), Value::String(text));
        }
    }
    params_of_value(fields)
}
