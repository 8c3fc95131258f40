//! HTTP routes besides GraphQL: files that everybody may see.

use std::time::Duration;

use atelier_storage::StorageError;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    routing::get,
};
use futures::{SinkExt, StreamExt, channel::mpsc};

use crate::app::{
    Media,
    public_file::{self, PublicFile},
};

/// How long the store may take to hand a file over to one client, however slowly it reads.
const TRANSFER: Duration = Duration::from_secs(60);
/// Pieces of a file that wait in memory for a client.
const AHEAD: usize = 4;
/// Nothing in a file runs, loads anything, or is taken for another type.
const SECURITY: [(header::HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    ),
    // Everybody may see these files, on whatever site.
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    ),
];

/// The domain's routes.
pub fn routes(media: Media) -> Router {
    Router::new()
        .route("/media/public/{asset}/{file}", get(public))
        .with_state(media)
}

/// Serves a public file, or a derivative of one (RFC 9110, 9111).
async fn public(
    State(media): State<Media>,
    Path((asset, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    let found = match public_file::find(&media, &asset, &file).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(cause = error.cause_chain(), "a public file cannot be read");
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    let Some(found) = found else {
        return refuse(StatusCode::NOT_FOUND);
    };
    if is_known(&headers, &found.etag) {
        return answer(&media, &found, StatusCode::NOT_MODIFIED, Body::empty());
    }
    if method == Method::HEAD {
        return answer(&media, &found, StatusCode::OK, Body::empty());
    }
    match body(&media, &found).await {
        Ok(body) => answer(&media, &found, StatusCode::OK, body),
        // It was purged just now.
        Err(StorageError::NotFound) => refuse(StatusCode::NOT_FOUND),
        Err(cause) => {
            tracing::error!(%cause, "a public file cannot be read");
            refuse(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// Whether the client has these bytes already: `If-None-Match`, compared weakly (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim())
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The bytes of a file, as the store sends them.
async fn body(media: &Media, file: &PublicFile) -> Result<Body, StorageError> {
    let stored = media.storage.stream(&file.storage_key).await?;
    let (mut client, body) = mpsc::channel(AHEAD);
    // A client that stops reading does not hold the connection to the store.
    tokio::spawn(tokio::time::timeout(TRANSFER, async move {
        let mut stored = std::pin::pin!(stored);
        while let Some(piece) = stored.next().await {
            if client.send(piece).await.is_err() {
                break;
            }
        }
    }));
    Ok(Body::from_stream(body))
}

fn answer(media: &Media, file: &PublicFile, status: StatusCode, body: Body) -> Response<Body> {
    let max_age = media.config.public_max_age.as_secs();
    let mut response = with_headers(status, body);
    let headers = response.headers_mut();
    let values = [
        (header::ETAG, file.etag.clone()),
        (
            header::CACHE_CONTROL,
            format!("public, max-age={max_age}, immutable"),
        ),
        (header::CONTENT_TYPE, file.content_type.clone()),
        (header::CONTENT_LENGTH, file.byte_size.to_string()),
    ];
    let only_known = status == StatusCode::NOT_MODIFIED;
    for (name, value) in values {
        let of_bytes = name == header::CONTENT_TYPE || name == header::CONTENT_LENGTH;
        if let Ok(value) = HeaderValue::try_from(value)
            && !(only_known && of_bytes)
        {
            headers.insert(name, value);
        }
    }
    response
}

/// Says no, the same for whatever is not there and for whatever is not public.
fn refuse(status: StatusCode) -> Response<Body> {
    let mut response = with_headers(status, Body::empty());
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

fn with_headers(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in SECURITY {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
