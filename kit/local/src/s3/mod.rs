//! An S3 store in this process: the protocol by crate `s3s`, the storage our own.

mod assemble;
mod blob;
mod bucket;
mod bucket_ops;
mod checksum;
mod conditions;
mod error;
mod listen;
mod listing;
mod multipart;
mod multipart_ops;
mod object_ops;
mod protocol;
mod receive;
mod server;
mod store;
mod stream;

pub use server::{S3Credentials, S3Server};
pub use store::{S3Store, S3StoreOptions};
