//! What the domain does with the events of others.

mod intake;

pub use intake::Intake;
