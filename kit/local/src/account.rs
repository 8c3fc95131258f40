//! The account a server runs as when this process is root, and what that account can reach.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, User, chown, geteuid};

use crate::LocalError;

/// An unprivileged account to run a server as.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// The account to drop to: none for an ordinary user, `postgres` or `nobody` for root.
    pub(crate) fn to_drop_to() -> Result<Option<Self>, LocalError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    name: user.name,
                    uid: user.uid,
                    gid: user.gid,
                })
            })
            .ok_or(LocalError::NoAccount)
    }

    /// Makes `command` run as this account.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
    }

    /// Hands `path` to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<(), LocalError> {
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(|errno| LocalError::io("cannot hand over", path)(errno.into()))
    }

    /// Lets this account, and nobody else but root, pass `directory`.
    pub(crate) fn admit(&self, directory: &Path) -> Result<(), LocalError> {
        chown(directory, None, Some(self.gid))
            .map_err(|errno| LocalError::io("cannot hand over", directory)(errno.into()))?;
        crate::place::set_mode(directory, 0o710)
    }

    /// The account's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first ancestor of `path` that this account cannot pass, if any.
    pub(crate) fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        let mut ancestors: Vec<&Path> = path.ancestors().skip(1).collect();
        ancestors.reverse();
        ancestors
            .into_iter()
            .find(|ancestor| !self.can_pass(ancestor))
            .map(Path::to_owned)
    }

    fn can_pass(&self, directory: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(directory) else {
            return false;
        };
        let bit = if metadata.uid() == self.uid.as_raw() {
            0o100
        } else if metadata.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }
}
