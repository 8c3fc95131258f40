//! Statements. The only place that talks SQL; none of these functions opens a transaction.
//!
//! They are written as SQL rather than in diesel's DSL: nearly all of them lease, lock, or update
//! from arrays, which the DSL cannot say.

pub mod cancel;
pub mod enqueue;
pub mod family;
pub mod finish;
pub mod grant;
pub mod history;
pub mod lease;
pub mod log;
pub mod progress;
pub mod queue;
pub mod replay;
pub mod rescue;
pub mod schedule;
pub mod task;
pub mod worker;

pub use task::{Changed, TaskRow};
