//! What clients of the router see, against real subgraphs in process and over
//! HTTP, and against hostile ones.

mod counts;
mod gates;
mod graph;
mod harness;
mod log;
mod mocks;
mod owners;
mod socket;

mod authorization;
mod callers;
mod dedup;
mod defer;
mod defer_apart;
mod defer_edge;
mod defer_errors;
mod defer_once;
mod defer_rules;
mod defer_split;
mod edge;
mod errors;
mod fairness;
mod federation;
mod hostile;
mod hostile_answers;
mod keeping;
mod limits;
mod missing;
mod origins;
mod poll;
mod protocols;
mod queries;
mod quotas;
mod reload;
mod renewal;
mod replan;
mod resume;
mod robustness;
mod serving;
mod share;
mod siege;
mod standing;
mod subscriptions;
mod tls;
mod upstreams;
