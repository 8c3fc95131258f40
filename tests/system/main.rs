//! The running binary, as its users meet it: real servers, real clients, real faults.

mod avatars;
mod credentials;
mod faults;
mod harness;
mod journey;
mod launcher;
mod nodes;
mod operators;
mod outages;
mod output;
mod polling;
mod refusals;
mod traces;
mod uploads;
