//! Where the database lives and who owns it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::LocalError;
use crate::account::Account;

/// Where directories go that the server's account could not reach in the place asked for.
const STATE_ROOT: &str = "/var/lib/atelier";

/// The file in the directory asked for that says which one was taken instead.
const NOTE: &str = "location";

/// Longest path of a Unix socket, without the closing NUL (`sun_path` in unix(7); macOS and the
/// BSDs have four bytes less).
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The directory of one private PostgreSQL.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory everything below is in.
    pub(super) root: PathBuf,
    /// The account the server runs as, when this process is root.
    pub(super) account: Option<Account>,
}

impl Place {
    /// Creates the directory, or finds the one an earlier start chose instead of it.
    pub(super) fn prepare(asked: &Path) -> Result<Self, LocalError> {
        std::fs::create_dir_all(asked).map_err(LocalError::io("cannot create", asked))?;
        let asked = asked
            .canonicalize()
            .map_err(LocalError::io("cannot resolve", asked))?;
        let account = Account::to_drop_to()?;
        let root = match &account {
            Some(account) if account.blocked_at(&asked).is_some() => elsewhere(&asked, account)?,
            _ => asked,
        };
        if let Some(account) = &account {
            account.own(&root)?;
        }
        set_mode(&root, 0o700)?;
        Ok(Self { root, account })
    }

    /// The cluster itself.
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The superuser's password.
    pub(super) fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    /// The remembered TCP port.
    pub(super) fn port_file(&self) -> PathBuf {
        self.root.join("port")
    }

    /// What the server and initdb say.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The directory for the Unix socket, or `None` where its path would be too long.
    pub(super) fn socket_dir(&self) -> Result<Option<PathBuf>, LocalError> {
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

fn set_mode(path: &Path, mode: u32) -> Result<(), LocalError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(LocalError::io("cannot set the permissions of", path))
}

/// Where the database asked for in `asked` is, or would be, without creating anything.
pub(super) fn current(asked: &Path) -> PathBuf {
    noted(asked).unwrap_or_else(|| asked.to_owned())
}

/// The directory that an earlier start chose instead of `asked`.
fn noted(asked: &Path) -> Option<PathBuf> {
    let noted = std::fs::read_to_string(asked.join(NOTE)).ok()?;
    let noted = PathBuf::from(noted.trim());
    (noted.starts_with(STATE_ROOT) && noted.is_dir()).then_some(noted)
}

/// A directory under [`STATE_ROOT`] for root whose checkout lies where the account cannot go,
/// such as `/root`. Its name is noted in the directory asked for, so that deleting that one
/// starts anew; what it pointed to before is removed then.
fn elsewhere(asked: &Path, account: &Account) -> Result<PathBuf, LocalError> {
    let digest = Sha256::digest(asked.as_os_str().as_encoded_bytes());
    let prefix: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let state_root = Path::new(STATE_ROOT);
    if let Some(noted) = noted(asked) {
        return Ok(noted);
    }
    let blocked = || LocalError::NotTraversable {
        path: asked.to_owned(),
        blocked_at: account.blocked_at(asked).unwrap_or_default(),
        account: account.name().to_owned(),
    };
    std::fs::create_dir_all(state_root).map_err(|_| blocked())?;
    set_mode(state_root, 0o755).map_err(|_| blocked())?;
    for entry in std::fs::read_dir(state_root)
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(&format!("{prefix}-"))
        {
            let stale = entry.path();
            std::fs::remove_dir_all(&stale).map_err(LocalError::io("cannot remove", &stale))?;
        }
    }
    let suffix: String = crate::secret::generate().chars().take(8).collect();
    let root = state_root.join(format!("{prefix}-{suffix}"));
    if account.blocked_at(&root).is_some() {
        return Err(blocked());
    }
    std::fs::create_dir(&root).map_err(LocalError::io("cannot create", &root))?;
    let note = asked.join(NOTE);
    std::fs::write(&note, format!("{}\n", root.display()))
        .map_err(LocalError::io("cannot write", &note))?;
    Ok(root)
}
