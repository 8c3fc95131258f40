//! Any text as a document, through everything up to the answer.
#![no_main]

#[path = "../src/drive.rs"]
mod drive;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive::operation(input);
});
