//! The tasks subgraph against a real PostgreSQL and Redis.

mod cancel;
mod clock;
mod enqueue;
mod failover;
mod family;
mod fault;
mod follow;
mod forget_user;
mod grants;
mod group_commit;
mod intake;
mod lease;
mod progress;
mod queue;
mod replay;
mod schedule;
mod support;
mod task;
mod worker;
mod worker_api;
