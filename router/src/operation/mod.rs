//! Operations of clients: parsed, limited, validated and prepared for planning.

pub(crate) mod authorize;
pub(crate) mod defer;
pub(crate) mod document;
mod gather;
pub(crate) mod introspect;
mod introspect_type;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod nodes;
mod overlap;
pub(crate) mod parse;
pub(crate) mod prepare;
mod reserved;
pub(crate) mod resume;
mod validate;
pub(crate) mod variables;

pub use defer::IncrementalFormat;
pub(crate) use document::Document;
pub(crate) use prepare::PreparedOperation;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads.
    Query,
    /// Changes something; its root fields run in series.
    Mutation,
    /// Streams events.
    Subscription,
}

impl Kind {
    /// The keyword of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}
