//! The domain's rows: the only place that knows diesel.

pub mod asset;
pub mod blob;
pub mod derivative;
pub mod doomed;
pub mod part;
pub mod state;
pub mod upload;
