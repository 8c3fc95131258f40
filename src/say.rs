//! Words on stdout and stderr. Whoever reads them may be gone: that ends no process and keeps none
//! from ending, which the macros of the standard library would do by panicking.

use std::io::{ErrorKind, Write};

/// Tells a person something, if there is still one to hear it.
pub fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tells a person that something is wrong, or about to end.
pub fn complain(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes what was asked for. A reader that has enough (`| head`) is no failure.
///
/// # Errors
/// If it cannot be written, as on a full disk.
pub fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(cause.into()),
        _ => Ok(()),
    }
}
