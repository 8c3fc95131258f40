//! placeholder until written below
use super::{SubgraphError, SubgraphRequest, SubgraphResponse};
use crate::config::SubgraphSettings;
use futures::stream::BoxStream;
#[derive(Debug)]
pub(super) struct WebsocketSubgraph;
impl WebsocketSubgraph {
    pub(super) fn new(_: &str, _: &str, _: &SubgraphSettings) -> Result<Self, String> {
        Ok(Self)
    }
    pub(super) async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}
