//! The private servers, run for real.

mod postgres;
mod redis;
mod shared;
