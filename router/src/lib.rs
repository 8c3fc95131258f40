//! Atelier's federation router: serves any Federation 2 supergraph over HTTP,
//! WebSockets and server-sent events, with subgraphs in process or over HTTP.
//! It knows no domain. `docs/ROUTER.md` explains its stages.

mod cache_usage;
pub mod config;
mod dedup;
pub mod error;
mod event_streams;
mod execute;
mod http;
pub mod identity;
mod json;
mod operation;
mod plan;
mod queue;
mod quota;
pub mod reload;
pub mod request;
mod router;
mod schema;
mod serve;
mod snapshot;
pub mod subgraph;
mod supergraph;

pub use config::RouterConfig;
pub use http::Server;
pub use identity::{
    Anonymous, Caller, Changes, Credentials, Identify, IdentifyError, Proof, Renew,
};
pub use operation::Kind as OperationKind;
pub use reload::{ReloadError, Reloader};
pub use request::{
    Accepts, ClientRequest, ClientResponse, GraphqlParams, IncrementalFormat, Outcome,
    ResponseStatus, Summary,
};
pub use router::{BuildError, Router, RouterBuilder};
pub use subgraph::{
    CatchPanics, HttpSubgraph, LocalSubgraph, Propagate, RequestContext, SdlError, SubgraphClient,
    SubgraphError, SubgraphOperation, SubgraphRequest, SubgraphResponse,
};
pub use supergraph::{SubgraphInfo, Supergraph, SupergraphError};
