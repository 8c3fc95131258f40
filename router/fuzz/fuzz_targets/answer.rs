//! Any bytes as a subgraph's answer: what the client gets is JSON.
#![no_main]

#[path = "../src/drive.rs"]
mod drive;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive::answer(input);
});
