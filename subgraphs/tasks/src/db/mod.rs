//! Statements. The only place that talks SQL; none of these functions opens a transaction. Those that
//! write or lock take a [`Tx`](atelier_kit::transaction::Tx).
//!
//! They are written as SQL rather than in diesel's DSL: nearly all of them lease, lock, or update
//! from arrays, which the DSL cannot say.

pub mod cancel;
pub mod deleted_user;
pub mod enqueue;
pub mod family;
pub mod finish;
pub mod grant;
pub mod lease;
pub mod log;
pub mod progress;
pub mod queue;
pub mod replay;
pub mod rescue;
pub mod result_shape;
pub mod schedule;
pub mod task;
pub mod task_type;
pub mod worker;

pub use task::{Changed, TaskRow};
