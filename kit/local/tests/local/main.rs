//! The private servers, run for real.

mod data_dir;
mod parent;
mod postgres;
mod redis;
mod shared;
