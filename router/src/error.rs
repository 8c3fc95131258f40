//! Errors as clients see them, and the codes they carry.

use serde::Serialize;
use serde_json::{Map, Value};

/// Codes in `errors[].extensions.code`.
pub mod code {
    /// The document is not GraphQL.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not fit the schema.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// A variable is missing or has a wrong value.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The request itself is malformed.
    pub const BAD_REQUEST: &str = "BAD_REQUEST";
    /// The answer exceeds a limit.
    pub const RESPONSE_TOO_LARGE: &str = "RESPONSE_TOO_LARGE";
    /// The router has as much to do or to hold as it can; try again later.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The document exceeds a limit.
    pub const OPERATION_TOO_LARGE: &str = "OPERATION_TOO_LARGE";
    /// Sign-in is needed.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The credentials have run out.
    pub const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
    /// What a subscriber may do has changed; subscribe again.
    pub const RIGHTS_CHANGED: &str = "RIGHTS_CHANGED";
    /// A scope or a policy is missing.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// A subgraph could not be reached or answered nonsense.
    pub const SUBGRAPH_UNAVAILABLE: &str = "SUBGRAPH_UNAVAILABLE";
    /// A subgraph did not answer in time.
    pub const SUBGRAPH_TIMEOUT: &str = "SUBGRAPH_TIMEOUT";
    /// A subgraph answered, but not as GraphQL demands.
    pub const SUBGRAPH_INVALID_RESPONSE: &str = "SUBGRAPH_INVALID_RESPONSE";
    /// One subgraph names an object that the subgraph it belongs to does not have.
    pub const ENTITY_NOT_FOUND: &str = "ENTITY_NOT_FOUND";
    /// The whole request took too long.
    pub const REQUEST_TIMEOUT: &str = "REQUEST_TIMEOUT";
    /// Too many requests.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// A subscriber fell too far behind.
    pub const SLOW_CLIENT: &str = "SLOW_CLIENT";
    /// The router shuts down; subscribe again elsewhere.
    pub const SERVER_DRAINING: &str = "SERVER_DRAINING";
    /// Another schema is served that a subscription does not fit.
    pub const SCHEMA_CHANGED: &str = "SCHEMA_CHANGED";
    /// The caller may not ask for the schema.
    pub const INTROSPECTION_DISABLED: &str = "INTROSPECTION_DISABLED";
    /// Something broke inside of the router or a subgraph.
    pub const INTERNAL: &str = "INTERNAL";
}

/// A place in a document, both one-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Location {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// A step of a path in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum PathSegment {
    /// A response key.
    Key(String),
    /// A position in a list.
    Index(usize),
}

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphqlError {
    /// For people.
    pub message: String,
    /// Where in the document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// Where in the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<PathSegment>>,
    /// For programs; `code` is always there.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
}

impl GraphqlError {
    /// An error with a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            locations: Vec::new(),
            path: None,
            extensions: Map::new(),
        }
    }

    /// Sets `extensions.code`.
    #[must_use]
    pub fn with_code(self, code: &str) -> Self {
        self.with("code", code)
    }

    /// Sets an extension.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the path.
    #[must_use]
    pub fn at(mut self, path: Vec<PathSegment>) -> Self {
        self.path = Some(path);
        self
    }

    /// The code, when there is one.
    pub fn code(&self) -> Option<&str> {
        self.extensions.get("code").and_then(Value::as_str)
    }
}
