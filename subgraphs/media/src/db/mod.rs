//! The domain's rows: the only place that knows diesel.

pub mod asset;
pub mod audience;
pub mod blob;
pub mod deleted_user;
pub mod derivative;
pub mod group;
pub mod object_removal;
pub mod quota;
pub mod upload;
pub mod upload_part;
