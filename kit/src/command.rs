//! Commands: what one domain asks of another and needs an answer to, like reserving a quota.
//!
//! They are mutations that are `@inaccessible` in the public graph, called with a service identity.

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{actor::Actor, error::Error};

/// Calls other domains.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Runs an operation on a domain's subgraph and returns its `data`.
    ///
    /// # Errors
    /// The domain's own error (`UNAUTHENTICATED`, `NOT_FOUND`, …), or `UNAVAILABLE` if it does not
    /// answer or the fault is on this side.
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error>;
}

/// The input of an internal mutation of a domain, which other domains call when they need an
/// answer. Commands are declared in `atelier-contracts`.
pub trait Command: Serialize + Sync {
    /// The domain that executes it.
    const DOMAIN: &'static str;
    /// The field of `Mutation`.
    const FIELD: &'static str;
    /// The operation, with the variable `$input`; it selects the answer and `userErrors { code }`.
    const OPERATION: &'static str;
    /// The payload of the field on success.
    type Answer: DeserializeOwned;
    /// The codes of expected failures.
    type Refusal: DeserializeOwned;
}
