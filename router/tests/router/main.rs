//! What clients of the router see, against real subgraphs in process and over
//! HTTP, and against hostile ones.

mod graph;
mod harness;

mod queries;
