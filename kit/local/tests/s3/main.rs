//! The S3 store, spoken to by real clients: the AWS SDK, and plain HTTP with presigned URLs.

mod conditions;
mod integrity;
mod listing;
mod multipart;
mod objects;
mod presigned;
mod restart;
mod world;
