//! Media types, as the GraphQL over HTTP specification has them.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::request::ResponseStatus;

/// Media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`
    Graphql,
    /// `application/json`
    Json,
    /// `text/event-stream`
    EventStream,
}

impl MediaType {
    /// Chooses from the `Accept` headers; `None` when nothing we have is acceptable.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        let mut any = false;
        for value in headers.get_all(ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                any |= !range.trim().is_empty();
                let Some((kind, quality)) = parse_range(range) else {
                    continue;
                };
                // Of equal ranges the first one wins.
                if quality > 0.0 && best.is_none_or(|(_, known)| quality > known) {
                    best = Some((kind, quality));
                }
            }
        }
        match best {
            Some((kind, _)) => Some(kind),
            None if any => None,
            None => Some(Self::Json),
        }
    }

    /// True when subscriptions may come as `multipart/mixed` (subscriptionSpec 1.0).
    pub(super) fn takes_multipart(headers: &HeaderMap) -> bool {
        headers.get_all(ACCEPT).iter().any(|value| {
            value.to_str().unwrap_or_default().split(',').any(|range| {
                let range = range.to_ascii_lowercase().replace(['"', ' '], "");
                let mut parts = range.split(';');
                parts.next() == Some("multipart/mixed")
                    && parts.any(|part| part == "subscriptionspec=1.0")
            })
        })
    }

    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Graphql => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
        })
    }

    /// The status code of an answer in this media type.
    pub(super) fn status(self, status: ResponseStatus) -> StatusCode {
        match status {
            ResponseStatus::Executed => StatusCode::OK,
            // Clients that ask for application/json expect 200 from any GraphQL server.
            ResponseStatus::Refused if self == Self::Json => StatusCode::OK,
            ResponseStatus::Refused | ResponseStatus::BadRequest => StatusCode::BAD_REQUEST,
            ResponseStatus::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ResponseStatus::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            ResponseStatus::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            ResponseStatus::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            ResponseStatus::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn parse_range(range: &str) -> Option<(MediaType, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let kind = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/graphql-response+json" => MediaType::Graphql,
        "application/json" | "application/*" | "*/*" => MediaType::Json,
        "text/event-stream" => MediaType::EventStream,
        _ => return None,
    };
    let mut quality = 1.0;
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.parse().unwrap_or(0.0),
            "charset" if !value.eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((kind, quality))
}

/// What the body of a POST says it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyType {
    Json,
    Multipart,
    Other,
}

impl BodyType {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
        else {
            return Self::Other;
        };
        let mut parts = value
            .split(';')
            .map(|part| part.trim().to_ascii_lowercase());
        let kind = parts.next().unwrap_or_default();
        match kind.as_str() {
            "application/json" | "application/graphql+json" => {
                let charset = parts.find_map(|p| p.strip_prefix("charset=").map(str::to_owned));
                let utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
                if utf8 { Self::Json } else { Self::Other }
            }
            "multipart/form-data" => Self::Multipart,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(value).unwrap());
        MediaType::negotiate(&headers)
    }

    #[test]
    fn the_best_acceptable_type_is_chosen() {
        assert_eq!(
            MediaType::negotiate(&HeaderMap::new()),
            Some(MediaType::Json)
        );
        assert_eq!(accept("*/*"), Some(MediaType::Json));
        assert_eq!(
            accept("application/graphql-response+json"),
            Some(MediaType::Graphql)
        );
        assert_eq!(
            accept("application/json;q=0.5, application/graphql-response+json"),
            Some(MediaType::Graphql)
        );
        assert_eq!(accept("text/event-stream"), Some(MediaType::EventStream));
        assert_eq!(accept("image/png"), None);
        assert_eq!(accept("application/json;q=0"), None);
        assert_eq!(accept("application/json; charset=latin1"), None);
        assert_eq!(
            accept("image/png, application/json; charset=utf-8"),
            Some(MediaType::Json)
        );
    }
}
