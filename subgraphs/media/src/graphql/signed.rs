//! Requests and URLs that are valid for a while.

use async_graphql::SimpleObject;
use atelier_kit::graphql::directive::list_size;
use chrono::{DateTime, Utc};

/// A header of a request.
#[derive(Debug, Clone, SimpleObject)]
pub struct RequestHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A request that is to be sent to the object store exactly as it is.
#[derive(Debug, Clone, SimpleObject)]
pub struct SignedRequest {
    /// The HTTP method.
    pub method: String,
    /// The URL with its signature.
    pub url: String,
    /// The headers that must be sent with it, a handful.
    #[graphql(directive = list_size::apply(Some(8), None, None, None))]
    pub headers: Vec<RequestHeader>,
    /// When the store stops accepting it.
    pub expires_at: DateTime<Utc>,
}

impl From<atelier_storage::SignedRequest> for SignedRequest {
    fn from(request: atelier_storage::SignedRequest) -> Self {
        let headers = request
            .headers
            .into_iter()
            .map(|(name, value)| RequestHeader { name, value });
        Self {
            method: request.method,
            url: request.url,
            headers: headers.collect(),
            expires_at: request.expires_at,
        }
    }
}

/// A URL that anybody who has it can read until it expires.
#[derive(Debug, Clone, SimpleObject)]
pub struct SignedUrl {
    /// The URL with its signature.
    pub url: String,
    /// When the store stops accepting it.
    pub expires_at: DateTime<Utc>,
}

impl From<atelier_storage::SignedRequest> for SignedUrl {
    fn from(request: atelier_storage::SignedRequest) -> Self {
        Self {
            url: request.url,
            expires_at: request.expires_at,
        }
    }
}
