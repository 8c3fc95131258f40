//! A subgraph's schema as the subgraph itself tells it.

use std::sync::{Arc, LazyLock};

use super::{RequestContext, SubgraphClient, SubgraphError, SubgraphOperation, SubgraphRequest};
use crate::operation::Kind;

static ASKED: LazyLock<Arc<SubgraphOperation>> = LazyLock::new(|| {
    let text = "{ _service { sdl } }".to_owned();
    Arc::new(SubgraphOperation::new(text, Kind::Query))
});

/// Why a subgraph does not tell its schema.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SdlError {
    /// There is no answer.
    #[error(transparent)]
    Subgraph(#[from] SubgraphError),
    /// It answers with an error.
    #[error("it refuses: {0}")]
    Refused(String),
}

/// Asks by `_service { sdl }`, as the subgraph specification of federation has it.
pub(super) async fn ask<C: SubgraphClient + ?Sized>(
    client: &C,
    context: Arc<RequestContext>,
) -> Result<String, SdlError> {
    let request = SubgraphRequest {
        operation: Arc::clone(&ASKED),
        variables: bytes::Bytes::from_static(b"{}"),
        context,
    };
    let told = client.execute(request).await?.into_json()?;
    if let Some(sdl) = told["data"]["_service"]["sdl"].as_str() {
        return Ok(sdl.to_owned());
    }
    let why = told["errors"][0]["message"].as_str();
    let why = why.unwrap_or("the answer has no schema");
    Err(SdlError::Refused(why.chars().take(200).collect()))
}
