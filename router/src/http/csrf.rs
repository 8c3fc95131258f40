//! Requests a browser sends on behalf of another site without asking first.
//!
//! Bodies are only taken as JSON, which a browser never sends across sites
//! without a preflight. What is left are GET requests and WebSockets: browsers
//! tell where these come from, and what comes from elsewhere is refused.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

use crate::config::{Cors, Csrf};

/// True when a GET request may be answered.
pub(super) fn allows_get(headers: &HeaderMap, csrf: &Csrf, cors: &Cors) -> bool {
    if !csrf.enabled || csrf.headers.iter().any(|name| headers.contains_key(name)) {
        return true;
    }
    let site = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    match site {
        // Not a browser, or the page's own origin, or typed into the address bar.
        None | Some("same-origin" | "none") => true,
        Some(_) => origin(headers).is_some_and(|origin| cors_allows(cors, origin)),
    }
}

/// True when a WebSocket may be opened: from no page, its own origin, or an allowed one.
pub(super) fn allows_websocket(headers: &HeaderMap, csrf: &Csrf, cors: &Cors) -> bool {
    let Some(origin) = origin(headers).filter(|_| csrf.enabled) else {
        return true;
    };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    origin_host == own || cors_allows(cors, origin)
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(ORIGIN).and_then(|value| value.to_str().ok())
}

fn cors_allows(cors: &Cors, origin: &str) -> bool {
    cors.origins
        .iter()
        .any(|allowed| allowed == "*" || allowed == origin)
}
