//! Following redirects, and which headers go along (RFC 9110 §15.4).

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::{OutboundConfig, OutboundError, client::Hop};

/// The headers that are sent to another origin. All others may be meant for the first one alone.
const PUBLIC: [header::HeaderName; 4] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::USER_AGENT,
];

/// Returns the next hop, if a response asks for one.
pub(super) fn next(
    config: &OutboundConfig,
    hop: &Hop,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Hop>, OutboundError> {
    let keeps_method = matches!(status.as_u16(), 307 | 308);
    if config.max_redirects == 0 || !(keeps_method || matches!(status.as_u16(), 301..=303)) {
        return Ok(None);
    }
    let url = headers
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| hop.url.join(location).ok())
        .ok_or(OutboundError::RedirectInvalid)?;
    if hop.url.scheme() == "https" && url.scheme() != "https" {
        return Err(OutboundError::Downgraded);
    }
    let url = config.parse(url.as_str())?;
    let mut next = hop.clone();
    if !same_origin(&hop.url, &url) {
        next.headers = PUBLIC
            .into_iter()
            .filter_map(|name| Some((name.clone(), hop.headers.get(name)?.clone())))
            .collect();
    }
    if !keeps_method && hop.method != Method::HEAD {
        next.method = Method::GET;
        next.body.clear();
        next.headers.remove(header::CONTENT_TYPE);
    }
    next.url = url;
    Ok(Some(next))
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}
