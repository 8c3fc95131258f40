//! Who asks, and which of their headers subgraphs get.

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::identity::{Caller, Credentials, IdentifyError};
use crate::router::Router;

/// Verifies who asks.
///
/// # Errors
/// When their credentials do not hold.
pub(super) async fn identify(
    router: &Router,
    headers: &HeaderMap,
    connection_init: Option<&Map<String, Value>>,
    request_id: &str,
) -> Result<Caller, IdentifyError> {
    let credentials = Credentials {
        headers,
        connection_init,
        request_id,
    };
    let mut caller = router.identify().identify(&credentials).await?;
    caller
        .forward
        .values_mut()
        .for_each(|value| *value = copy(value));
    Ok(caller)
}

/// A value that does not keep the whole request in memory, of whose buffer it is a part.
fn copy(value: &HeaderValue) -> HeaderValue {
    let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) else {
        return value.clone();
    };
    copy.set_sensitive(value.is_sensitive());
    copy
}

/// Headers that do not keep the whole request in memory.
pub(super) fn own(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| (name.clone(), copy(value)))
        .collect()
}

/// The client's headers that subgraphs get.
pub(super) fn forwarded(router: &Router, headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = HeaderMap::new();
    for name in &router.config().headers.forward {
        let Ok(name) = name.parse::<http::HeaderName>() else {
            continue;
        };
        for value in headers.get_all(&name) {
            forwarded.append(name.clone(), copy(value));
        }
    }
    forwarded
}
