//! Where the data of a private server lives and who owns it: it must not run as root.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::LocalError;
use crate::account::Account;

/// Where directories go that the server's account could not reach in the place asked for.
const STATE_ROOT: &str = "/var/lib/atelier";

/// The file in the directory asked for that says which one was taken instead.
const NOTE: &str = "location";

/// The directory of one private server.
#[derive(Debug)]
pub(crate) struct Place {
    /// The directory everything below is in.
    pub(crate) root: PathBuf,
    /// The account the server runs as, when this process is root.
    pub(crate) account: Option<Account>,
}

impl Place {
    /// Creates the directory, or finds the one an earlier start chose instead of it.
    pub(crate) fn prepare(asked: &Path) -> Result<Self, LocalError> {
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

    /// Hands over what an earlier start, as another account, left here.
    pub(crate) fn own_contents(&self) -> Result<(), LocalError> {
        match &self.account {
            Some(account) => own_below(&self.root, account),
            None => Ok(()),
        }
    }

    /// The password of the server.
    pub(crate) fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    /// The remembered TCP port.
    pub(crate) fn port_file(&self) -> PathBuf {
        self.root.join("port")
    }

    /// What the server says.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }
}

fn own_below(directory: &Path, account: &Account) -> Result<(), LocalError> {
    let unreadable = || LocalError::io("cannot read", directory);
    for entry in std::fs::read_dir(directory).map_err(unreadable())? {
        let entry = entry.map_err(unreadable())?;
        let kind = entry.file_type().map_err(unreadable())?;
        // A link may lead out of here.
        if kind.is_symlink() {
            continue;
        }
        account.own(&entry.path())?;
        if kind.is_dir() {
            own_below(&entry.path(), account)?;
        }
    }
    Ok(())
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), LocalError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(LocalError::io("cannot set the permissions of", path))
}

/// Where the data asked for in `asked` is, or would be, without creating anything.
pub(crate) fn current(asked: &Path) -> PathBuf {
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
    let prefix = hex::encode(&digest[..6]);
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
