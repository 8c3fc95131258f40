//! Proving a caller to subgraphs.

use std::sync::Arc;

use http::HeaderMap;

type Headers = dyn Fn(&str) -> Result<HeaderMap, String> + Send + Sync;

/// Makes headers that prove the caller to one subgraph, when a request is sent to it.
/// What is made for one subgraph need not convince another.
#[derive(Clone)]
pub struct Proof(Arc<Headers>);

impl Proof {
    /// `headers` gets the subgraph's name. It is called for each request and should
    /// keep what it has made for as long as that holds. An error fails the request.
    pub fn new(
        headers: impl Fn(&str) -> Result<HeaderMap, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(headers))
    }

    /// The headers for `subgraph`.
    ///
    /// # Errors
    /// Why there are none; not for clients.
    pub fn headers(&self, subgraph: &str) -> Result<HeaderMap, String> {
        (self.0)(subgraph)
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof")
    }
}
