//! Words on stdout and stderr. Whoever reads them may be gone: that ends no process and keeps none
//! from ending, which the macros of the standard library would do by panicking.

use std::{
    io::{ErrorKind, Write},
    time::Duration,
};

/// Tells a person something, if there is still one to hear it.
pub fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// How long a reader may take to take something in.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells a person that something is wrong, or about to end. Where stderr is a pipe that is full and
/// nobody reads, that is given up soon.
pub fn complain(line: impl std::fmt::Display) {
    let line = line.to_string();
    let (done, said) = std::sync::mpsc::channel();
    let saying = std::thread::Builder::new().spawn(move || {
        let _ = writeln!(std::io::stderr(), "{line}");
        let _ = done.send(());
    });
    if saying.is_ok() {
        let _ = said.recv_timeout(PATIENCE);
    }
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
