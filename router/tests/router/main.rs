//! What clients of the router see, against real subgraphs in process and over
//! HTTP, and against hostile ones.

mod graph;
mod harness;

mod authorization;
mod errors;
mod hostile;
mod queries;
mod subscriptions;
