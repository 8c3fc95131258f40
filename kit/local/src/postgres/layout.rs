//! What is where in the directory of a PostgreSQL.

use std::path::PathBuf;

use crate::LocalError;
use crate::place::{Place, set_mode};

/// Longest path of a Unix socket, without the closing NUL (`sun_path` in unix(7); macOS and the
/// BSDs have four bytes less).
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

impl Place {
    /// The cluster itself.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The directory for the Unix socket, or `None` where its path would be too long.
    pub(crate) fn socket_dir(&self) -> Result<Option<PathBuf>, LocalError> {
        let directory = self.root.join("socket");
        let longest = directory.join(".s.PGSQL.65535.lock");
        if longest.as_os_str().len() > SOCKET_PATH_LIMIT {
            return Ok(None);
        }
        std::fs::create_dir_all(&directory).map_err(LocalError::io("cannot create", &directory))?;
        if let Some(account) = &self.account {
            account.own(&directory)?;
        }
        set_mode(&directory, 0o700)?;
        Ok(Some(directory))
    }
}
