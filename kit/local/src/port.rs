//! Loopback ports.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::LocalError;

/// A TCP port on 127.0.0.1 that nobody listens on now.
///
/// Somebody may take it before the caller does: a server that is handed a port must still cope
/// with finding it taken.
///
/// # Errors
/// The operating system's refusal to bind any port at all.
pub fn free_port() -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()
        .map(|address| address.port())
}

/// Whether `port` can be bound on 127.0.0.1 now.
pub(crate) fn is_free(port: u16) -> bool {
    // std sets SO_REUSEADDR, so connections in TIME_WAIT do not count as taken.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The port for a server: the one asked for, or else the one remembered in `file`, or a new one.
///
/// A port that was asked for and is taken is an error; a remembered one is silently replaced,
/// since nothing outside the data directory knows it.
pub(crate) fn choose(
    asked: Option<u16>,
    file: &Path,
    wanted_for: &'static str,
) -> Result<u16, LocalError> {
    if let Some(port) = asked {
        if !is_free(port) {
            return Err(LocalError::PortTaken { port, wanted_for });
        }
        return remember(port, file);
    }
    let remembered = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(port) = remembered.filter(|port| *port != 0 && is_free(*port)) {
        return Ok(port);
    }
    let port = free_port().map_err(LocalError::io("cannot find a free port for", file))?;
    remember(port, file)
}

/// A server of an earlier run is recognised by its port, so every port is written down.
fn remember(port: u16, file: &Path) -> Result<u16, LocalError> {
    std::fs::write(file, format!("{port}\n")).map_err(LocalError::io("cannot write", file))?;
    Ok(port)
}
