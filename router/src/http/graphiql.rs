//! The playground: files built elsewhere and embedded, compressed ones as they are.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What the playground's build left in its folder; may be nothing.
#[derive(RustEmbed)]
#[folder = "graphiql/dist"]
#[allow_missing = true]
struct Files;

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>GraphQL</title>\
<p>This is a GraphQL endpoint. The playground was not built into this binary.</p></html>";

pub(super) fn routes() -> axum::Router {
    axum::Router::new()
        .route("/", get(index))
        .route("/{*path}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    match serve("index.html", &headers) {
        Some(response) => response,
        None => Html(PLACEHOLDER).into_response(),
    }
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&path, &headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn serve(path: &str, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers
        .get(ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let accepts = |coding: &str| {
        accepted
            .split(',')
            .any(|c| c.trim().split(';').next().is_some_and(|c| c == coding))
    };
    let (file, coding) = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, ending)| Some((Files::get(&format!("{path}.{ending}"))?, Some(coding))))
        .or_else(|| Some((Files::get(path)?, None)))?;
    Some(respond(path, &file, coding, headers))
}

fn respond(
    path: &str,
    file: &EmbeddedFile,
    coding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let hash: String = file.metadata.sha256_hash()[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let etag = HeaderValue::from_str(&format!("\"{hash}\"")).ok();
    let unchanged = etag.is_some() && headers.get(IF_NONE_MATCH) == etag.as_ref();
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.clone().into_owned().into_response()
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Files under assets/ carry a hash of their content in their names.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(coding) = coding {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if let Some(etag) = etag {
        out.insert(ETAG, etag);
    }
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
