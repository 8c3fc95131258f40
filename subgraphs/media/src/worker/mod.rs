//! Working on pictures in a process of its own.
//!
//! Decoders are large, and what they read comes from strangers. A file may make them take memory
//! that no setting of theirs bounds, run for minutes without a place to stop them, or find a fault
//! in them. So each picture gets a process that
//!
//! - inherits an empty environment, the picture's file to read and two pipes to write to, and closes
//!   every other descriptor;
//! - limits its own memory, CPU time, files and core dumps, gives up its privileges, and leaves
//!   itself only the system calls of a computation (`confine`), before it reads the first byte;
//! - is killed when its time is over or its task is stopped, with all its threads, and ends by
//!   itself when nobody is left to read its answer.
//!
//! It is this binary, started with a hidden command ([`PictureWorker`]). Nothing is shared between
//! two pictures. What it answers is believed no more than the picture was: `process` checks that it
//! is of the announced kinds and sizes.

mod child;
mod confine;
mod process;
mod wire;

pub use child::run;
pub use process::{PictureWorker, WorkerError};

use serde::{Deserialize, Serialize};

use crate::picture::PictureLimits;

/// What the process is told, as its only argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    /// What the picture may cost.
    limits: PictureLimits,
    /// CPU time of all threads, in seconds.
    cpu_seconds: u64,
}
