//! Generated passwords, kept in files only their owner reads.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::LocalError;

/// A password of 32 letters and digits (190 bits), fit for a URL without escaping.
#[expect(
    clippy::disallowed_methods,
    reason = "passwords of private servers are the generator's"
)]
pub(crate) fn generate() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(32)
        .map(char::from)
        .collect()
}

/// The password kept in `file`, made and stored with mode 0600 the first time.
pub(crate) fn remembered(file: &Path) -> Result<String, LocalError> {
    match std::fs::read_to_string(file) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(LocalError::io("cannot read", file)(error)),
    }
    let password = generate();
    let mut handle = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .map_err(LocalError::io("cannot write", file))?;
    writeln!(handle, "{password}").map_err(LocalError::io("cannot write", file))?;
    Ok(password)
}
