//! Works on one picture: what `atelier picture-worker` does, for the tests of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    atelier_media::run_picture_worker(&std::env::args().nth(1).unwrap_or_default())
}
