//! The data directory: who holds it, and whether there is room in it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::LocalError;
use crate::account::Account;
use crate::place::set_mode;

/// Free space below which no server is started, in MiB: PostgreSQL needs about 40 for an empty
/// database and 32 for its first WAL segments, and panics when it cannot write WAL.
pub const NEEDED_MIB: u64 = 256;

/// The data directory of one running `atelier`, held until dropped.
///
/// The lock belongs to the open file, so it ends with the process however that ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Creates the directory if needed, and takes it for this process.
    ///
    /// # Errors
    /// [`LocalError::DataDirInUse`] with the other's process id when it is taken,
    /// [`LocalError::DiskFull`], or [`LocalError::Io`].
    pub fn lock(path: &Path) -> Result<Self, LocalError> {
        std::fs::create_dir_all(path).map_err(LocalError::io("cannot create", path))?;
        let path = path
            .canonicalize()
            .map_err(LocalError::io("cannot resolve", path))?;
        let file_path = path.join("lock");
        protect(&path, &file_path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file_path)
            .map_err(LocalError::io("cannot open", &file_path))?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                return Err(LocalError::DataDirInUse {
                    path,
                    pid: pid.trim().parse().unwrap_or(0),
                });
            }
            Err((_, errno)) => return Err(LocalError::io("cannot lock", file_path)(errno.into())),
        };
        check_disk_space(&path)?;
        let write_pid = |lock: &mut Flock<File>| {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            writeln!(lock, "{}", std::process::id())
        };
        write_pid(&mut lock).map_err(LocalError::io("cannot write", &file_path))?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Closes the directory to other accounts; when this one is root, to all but the one that the servers
/// in it run as. One that holds other things than ours stays as it is: it may be a home or `/tmp`.
fn protect(path: &Path, lock: &Path) -> Result<(), LocalError> {
    let unreadable = LocalError::io("cannot read", path);
    let is_empty = std::fs::read_dir(path)
        .map_err(unreadable)?
        .next()
        .is_none();
    if !is_empty && !lock.exists() {
        return Ok(());
    }
    match Account::to_drop_to() {
        Ok(Some(account)) => account.admit(path),
        Ok(None) | Err(_) => set_mode(path, 0o700),
    }
}

/// Refuses when the disk under `path` (which need not exist yet) has less than [`NEEDED_MIB`].
///
/// # Errors
/// [`LocalError::DiskFull`]. A file system that does not tell its free space passes.
pub fn check_disk_space(path: &Path) -> Result<(), LocalError> {
    match free_mib(path) {
        Some(free_mib) if free_mib < NEEDED_MIB => Err(LocalError::DiskFull {
            path: path.to_owned(),
            free_mib,
            needed_mib: NEEDED_MIB,
        }),
        _ => Ok(()),
    }
}

/// Free space for unprivileged users on the disk of the nearest existing ancestor, in MiB.
pub(crate) fn free_mib(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let stat = nix::sys::statvfs::statvfs(existing).ok()?;
    #[cfg_attr(
        target_os = "linux",
        expect(
            clippy::useless_conversion,
            reason = "the field widths differ between Linux and macOS"
        )
    )]
    let free = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    Some(free / (1024 * 1024))
}
