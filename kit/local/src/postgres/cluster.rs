//! Making the database cluster, once.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::SUPERUSER;
use super::binaries::Installation;
use crate::LocalError;
use crate::place::Place;

/// The major version that made the cluster in `data`, or `None` when there is none yet.
pub(super) fn version(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join("PG_VERSION")).ok()?;
    Some(text.trim().to_owned())
}

/// Creates the cluster unless it exists, and says whether it did: then it is not on the disk
/// before [`sync_file_system`]. Blocking: initdb takes some hundred milliseconds.
///
/// It is made beside its place and moved there when complete, so a start that is killed half way
/// leaves nothing that a later one would take for a database.
pub(super) fn ensure(place: &Place, installation: &Installation) -> Result<bool, LocalError> {
    let data = place.data();
    if version(&data).is_some() {
        return Ok(false);
    }
    let unfinished = place.root.join("data.unfinished");
    remove_if_there(&unfinished)?;
    // Not a cluster: an empty or foreign directory of that name would make the rename fail later.
    if data.exists() && std::fs::remove_dir(&data).is_err() {
        return Err(LocalError::StartFailed {
            program: "initdb",
            reason: format!(
                "{} exists, is not empty and is not a PostgreSQL database; move it away",
                data.display()
            ),
            log: place.log(),
        });
    }
    crate::secret::remembered(&place.password_file())?;
    if let Some(account) = &place.account {
        // initdb reads the password as the account it runs as.
        account.own(&place.password_file())?;
    }
    initdb(place, installation, &unfinished)?;
    std::fs::rename(&unfinished, &data).map_err(LocalError::io("cannot move into place", &data))?;
    Ok(true)
}

fn initdb(place: &Place, installation: &Installation, target: &Path) -> Result<(), LocalError> {
    // macOS has no C.UTF-8; with ctype C, pg_trgm finds nothing in Chinese.
    let locale = if cfg!(target_os = "macos") {
        "en_US.UTF-8"
    } else {
        "C.UTF-8"
    };
    let mut command = Command::new(installation.bin.join("initdb"));
    command
        .arg("--pgdata")
        .arg(target)
        .args([
            "--username",
            SUPERUSER,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            locale,
        ])
        .args(["--no-sync", "--no-instructions", "--data-checksums"])
        .arg("--pwfile")
        .arg(place.password_file())
        .current_dir("/")
        .env_remove("PGDATA")
        .stdin(Stdio::null());
    if let Some(account) = &place.account {
        account.apply(&mut command);
    }
    let output = command
        .output()
        .map_err(LocalError::io("cannot run initdb for", target))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let _ = std::fs::write(place.log(), &output.stderr);
    let _ = remove_if_there(target);
    if said.contains("No space left on device") {
        return Err(super::disk_full(target));
    }
    Err(LocalError::StartFailed {
        program: "initdb",
        reason: last_lines(&said, 3),
        log: place.log(),
    })
}

fn remove_if_there(path: &Path) -> Result<(), LocalError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LocalError::io("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Brings a new cluster to the disk: one call for the file system, some milliseconds where
/// initdb's own fsync of each of a thousand files takes seconds.
pub(super) fn sync_file_system(path: &Path) -> Result<(), LocalError> {
    let io = || LocalError::io("cannot sync", path);
    let directory = File::open(path).map_err(io())?;
    #[cfg(target_os = "linux")]
    nix::unistd::syncfs(&directory).map_err(|errno| io()(errno.into()))?;
    #[cfg(not(target_os = "linux"))]
    {
        drop(directory);
        nix::unistd::sync();
    }
    Ok(())
}

/// The last `count` non-empty lines of what a program said, as one line.
pub(super) fn last_lines(said: &str, count: usize) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default()
        .join(" | ")
}
