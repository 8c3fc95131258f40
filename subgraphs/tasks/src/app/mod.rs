//! Who may do what: every operation takes the caller and checks them first.

pub mod estimate;
pub mod follow;
pub mod grant;
pub mod lease;
pub mod queue;
pub mod schedule;
pub mod task;
pub mod worker;

use atelier_kit::error::Fail;

pub use crate::graphql::error::TaskErrorCode;

/// The scope that lets its holder see and steer everybody's tasks.
pub const ADMIN: &str = "admin:tasks";
/// The scope of external workers.
pub const WORKER: &str = "worker";

/// What an operation that may be refused gives.
pub type Outcome<T> = Result<T, Fail<TaskErrorCode>>;
