//! What clients of the router see, against real subgraphs in process and over
//! HTTP, and against hostile ones.

mod graph;
mod harness;
mod mocks;

mod authorization;
mod dedup;
mod edge;
mod errors;
mod federation;
mod hostile;
mod limits;
mod queries;
mod robustness;
mod serving;
mod subscriptions;
