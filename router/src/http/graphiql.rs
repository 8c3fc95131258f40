//! The playground: files built elsewhere and embedded, most of them compressed. They are sent as they
//! are, or unpacked to clients that take no compressed answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use rust_embed::RustEmbed;

/// What the playground's build left in its folder; may be nothing.
#[derive(RustEmbed)]
#[folder = "graphiql/dist"]
#[allow_missing = true]
struct Files;

/// What the page may do: run its own scripts and workers and talk to its own server.
/// Monaco makes style elements. Nobody may show the page in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
        None => {
            let mut response = Html(PLACEHOLDER).into_response();
            protect(response.headers_mut());
            response
        }
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
    let (content, coding) = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(accepted, coding))
        .find_map(|(coding, ending)| Some((embedded(&format!("{path}.{ending}"))?, Some(coding))))
        .or_else(|| Some((embedded(path)?, None)))
        .or_else(|| Some((unpacked(path)?, None)))?;
    Some(respond(path, content, coding, headers))
}

/// Whether an `Accept-Encoding` names a coding without ruling it out (RFC 9110 §12.5.3).
fn accepts(accepted: &str, coding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").trim();
        name.trim().eq_ignore_ascii_case(coding)
            && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

/// A file of which only the compressed form is embedded. Each is unpacked once.
fn unpacked(path: &str) -> Option<Content> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Content>>> = LazyLock::new(Mutex::default);
    if let Some(known) = KNOWN.lock().get(path) {
        return Some(known.clone());
    }
    let packed = embedded(&format!("{path}.gz"))?;
    let mut bytes = Vec::new();
    GzDecoder::new(&*packed.bytes)
        .read_to_end(&mut bytes)
        .ok()?;
    let content = Content {
        bytes: bytes.into(),
        tag: format!("{}-unpacked", packed.tag),
    };
    KNOWN.lock().insert(path.to_owned(), content.clone());
    Some(content)
}

/// What is sent, and what tells it from other versions of it.
#[derive(Clone)]
struct Content {
    bytes: Bytes,
    tag: String,
}

fn embedded(path: &str) -> Option<Content> {
    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    Some(Content {
        bytes: match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        },
        tag: hex::encode(&hash[..8]),
    })
}

fn respond(
    path: &str,
    content: Content,
    coding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let etag = HeaderValue::from_str(&format!("\"{}\"", content.tag)).ok();
    let unchanged = etag.is_some() && headers.get(IF_NONE_MATCH) == etag.as_ref();
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        content.bytes.into_response()
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    protect(out);
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

/// Browsers get no more than what is meant for them.
fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // For browsers that do not know `frame-ancestors`.
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, accepted: Option<&str>) -> Option<Response> {
        let mut headers = HeaderMap::new();
        if let Some(accepted) = accepted {
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
        }
        serve(path, &headers)
    }

    async fn body(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn clients_that_take_no_compressed_answers_get_every_file_too() {
        let packed: Vec<_> = Files::iter()
            .filter_map(|path| path.strip_suffix(".gz").map(str::to_owned))
            .collect();
        assert!(!packed.is_empty(), "the playground is part of the tree");
        for path in packed {
            let compressed = asked(&path, Some("br;q=0, gzip, deflate")).unwrap();
            assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
            for accepted in [None, Some(""), Some("identity"), Some("gzip;q=0, br;q=0")] {
                let plain = asked(&path, accepted).unwrap();
                assert_eq!(plain.status(), StatusCode::OK, "{path} {accepted:?}");
                assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
                assert_eq!(plain.headers()[VARY], "accept-encoding");
                assert_ne!(plain.headers()[ETAG], compressed.headers()[ETAG]);
                assert_eq!(
                    plain.headers()[CONTENT_TYPE],
                    compressed.headers()[CONTENT_TYPE]
                );
                assert!(!body(plain).await.starts_with(&[0x1f, 0x8b]), "{path}");
            }
            assert!(body(compressed).await.starts_with(&[0x1f, 0x8b]), "{path}");
        }
    }

    #[test]
    fn every_file_comes_with_what_browsers_must_not_do_with_it() {
        for path in ["index.html", "assets/licenses.txt"] {
            let response = asked(path, None).unwrap();
            let headers = response.headers();
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("default-src 'none'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("unsafe-eval"), "{policy}");
            let scripts = policy
                .split("; ")
                .find(|part| part.starts_with("script-src"));
            assert_eq!(scripts, Some("script-src 'self'"));
        }
    }

    #[test]
    fn what_is_not_there_is_not_there_in_any_coding() {
        for accepted in [None, Some("gzip")] {
            assert!(asked("assets/nothing.js", accepted).is_none());
        }
    }
}
