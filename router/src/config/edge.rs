//! What clients may send, and from where.

use serde::Deserialize;

/// Where requests are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Path of the GraphQL endpoint.
    pub path: String,
    /// Said to clients that send `multipart/form-data`.
    pub upload_hint: String,
    /// `cache-control` of answers; they may hold tokens. Empty: none.
    pub cache_control: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            path: "/graphql".to_owned(),
            upload_hint: "Ask the API for a presigned upload and send the bytes there.".to_owned(),
            cache_control: "no-store".to_owned(),
        }
    }
}

/// What makes a request too big.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body, or of a WebSocket message.
    pub max_body_bytes: usize,
    /// Bytes of a document.
    pub max_document_bytes: usize,
    /// Tokens of a document.
    pub max_tokens: usize,
    /// Levels of fields, fragments expanded.
    pub max_depth: usize,
    /// Aliases, fragments expanded.
    pub max_aliases: usize,
    /// Fields at the root, fragments expanded.
    pub max_root_fields: usize,
    /// Selections, fragments expanded.
    pub max_selections: usize,
    /// Bytes of an answer, of an event, and of each piece of an answer.
    pub max_response_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            max_document_bytes: 100 * 1024,
            max_tokens: 8_000,
            max_depth: 30,
            max_aliases: 200,
            max_root_fields: 50,
            max_selections: 4_000,
            max_response_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Browsers of other origins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Allowed origins; `*` allows any (without credentials). Empty switches CORS off.
    pub origins: Vec<String>,
    /// Let browsers send cookies. Not possible with `*`.
    pub credentials: bool,
    /// Request headers browsers may send, besides the usual ones.
    pub headers: Vec<String>,
    /// Seconds a browser may keep the answer to a preflight.
    pub max_age_s: u64,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            credentials: false,
            headers: Vec::new(),
            max_age_s: 600,
        }
    }
}

/// Defence against cross-site requests that need no preflight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Csrf {
    /// Refuse what a browser sends to any site without asking first.
    pub enabled: bool,
    /// A request with one of these headers is let through: browsers ask before sending them.
    pub headers: Vec<String>,
}

impl Default for Csrf {
    fn default() -> Self {
        Self {
            enabled: true,
            headers: [
                "x-requested-with",
                "apollo-require-preflight",
                "graphql-preflight",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}

/// Schema introspection by clients: `__schema` and `__type`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Introspection {
    /// Who may.
    pub allow: Introspect,
    /// Callers with one of these scopes may, whatever `allow` says.
    pub scopes: Vec<String>,
}

/// Who may ask for the schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Introspect {
    /// Everybody where only this machine can connect, elsewhere only callers with
    /// one of the scopes.
    #[default]
    Loopback,
    /// Everybody.
    Everyone,
    /// Who is signed in.
    Authenticated,
    /// Only callers with one of the scopes.
    Nobody,
}

/// The playground page at `/`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Playground {
    /// Serve it.
    pub enabled: bool,
}

impl Default for Playground {
    fn default() -> Self {
        Self { enabled: true }
    }
}
