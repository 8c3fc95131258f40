//! WebSockets: next commit.
use crate::router::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::UPGRADE)
        .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

pub(super) fn upgrade(_: Arc<Router>, _: WebSocketUpgrade, _: HeaderMap) -> Response {
    StatusCode::NOT_IMPLEMENTED.into_response()
}
