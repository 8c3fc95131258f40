//! Media types, as the GraphQL over HTTP specification has them.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::request::{IncrementalFormat, ResponseStatus};

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
            ResponseStatus::Draining | ResponseStatus::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ResponseStatus::Limited => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// What may come as `multipart/mixed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Multipart {
    /// Subscriptions (subscriptionSpec 1.0).
    pub(super) subscriptions: bool,
    /// Answers in pieces; of several formats the one named first.
    pub(super) incremental: Option<IncrementalFormat>,
}

impl Multipart {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut taken = Self::default();
        for value in headers.get_all(ACCEPT) {
            let value = value.to_str().unwrap_or_default();
            // Most requests stop here.
            if value.contains("multipart/mixed") {
                value.split(',').for_each(|range| taken.add(range));
            }
        }
        taken
    }

    fn add(&mut self, range: &str) {
        let range = range.to_ascii_lowercase().replace(['"', ' '], "");
        let mut parts = range.split(';');
        if parts.next() != Some("multipart/mixed") {
            return;
        }
        let mut format = Some(IncrementalFormat::ByPath);
        for part in parts {
            match part.split_once('=') {
                Some(("subscriptionspec", version)) => {
                    self.subscriptions |= version == "1.0";
                    format = None;
                }
                Some(("deferspec", "20220824")) => format = Some(IncrementalFormat::ByPath),
                Some(("incrementalspec", "v0.2")) => format = Some(IncrementalFormat::ById),
                // Some other version, which its client could not read from us.
                Some(("deferspec" | "incrementalspec", _)) => format = None,
                Some(("q", quality)) if quality.parse() == Ok(0.0) => return,
                _ => {}
            }
        }
        self.incremental = self.incremental.or(format);
    }

    pub(super) fn any(self) -> bool {
        self.subscriptions || self.incremental.is_some()
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
    fn multipart_is_for_those_who_name_a_known_version() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(value).unwrap());
            let taken = Multipart::of(&headers);
            (taken.subscriptions, taken.incremental)
        };
        let (path, id) = (IncrementalFormat::ByPath, IncrementalFormat::ById);
        assert_eq!(of("application/json"), (false, None));
        assert_eq!(
            of("multipart/mixed;deferSpec=20220824,application/json"),
            (false, Some(path))
        );
        assert_eq!(
            of("multipart/mixed; incrementalSpec=v0.2, */*"),
            (false, Some(id))
        );
        assert_eq!(
            of("multipart/mixed;boundary=graphql;subscriptionSpec=1.0"),
            (true, None)
        );
        assert_eq!(
            of("multipart/mixed;subscriptionSpec=\"1.0\", multipart/mixed;deferSpec=20220824"),
            (true, Some(path))
        );
        assert_eq!(of("application/json, multipart/mixed"), (false, Some(path)));
        assert_eq!(of("multipart/mixed;deferSpec=19990101"), (false, None));
        assert_eq!(of("multipart/mixed;q=0, */*"), (false, None));
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
