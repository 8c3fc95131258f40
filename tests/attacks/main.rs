//! Attacks on the running binary: each must be refused, cost little, change nothing, and leave
//! everybody else served. All of it is bounded, on loopback, against a system of its own.

mod bodies;
mod borrowed;
mod browser;
mod checklist;
mod crowds;
mod documents;
mod endings;
mod figures;
mod files;
mod foreign;
mod grants;
mod guesses;
#[path = "../system/harness.rs"]
#[allow(dead_code, reason = "each suite uses a part of it")]
mod harness;
mod inputs;
mod leaks;
mod operators;
mod pictures;
mod records;
mod requests;
mod rights;
mod schema;
mod signatures;
mod socket;
mod sockets;
mod store;
mod target;
mod texts;
mod tokens;
#[path = "../system/uploads.rs"]
#[allow(dead_code, reason = "each suite uses a part of it")]
mod uploads;
mod victim;
mod wire;
mod workers;
