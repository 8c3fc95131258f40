//! What can keep a local server from starting, each with the way out.

use std::path::PathBuf;

/// Why a private server, the S3 store or the data directory could not be used.
///
/// `Display` is written for the person at the terminal: it says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A server program is not installed.
    #[error("{program} was not found (looked in {looked_in}). {remedy}")]
    MissingBinary {
        /// The program's name, such as `postgres`.
        program: &'static str,
        /// Where it was looked for.
        looked_in: String,
        /// What to install or set.
        remedy: &'static str,
    },

    /// The data directory was made by another major version than any installed one.
    #[error(
        "the database in {} was made by PostgreSQL {found}, but the installed version is {installed}. \
         Install PostgreSQL {found} (Debian: apt-get install postgresql-{found}), set PG_BIN to its bin \
         directory, or move the directory away to start with an empty database.",
        path.display()
    )]
    VersionMismatch {
        /// The data directory.
        path: PathBuf,
        /// The major version that made it.
        found: String,
        /// The major versions that are installed, separated by commas.
        installed: String,
    },

    /// The installed program is older than what Atelier uses of it.
    #[error(
        "{program} {found} is too old: {needed} or later is needed. Install a newer one \
         (`make deps` on a current Debian or Ubuntu)."
    )]
    TooOld {
        /// The program's name.
        program: &'static str,
        /// The version found.
        found: String,
        /// The oldest version that will do.
        needed: &'static str,
    },

    /// There is not enough room on the disk.
    #[error(
        "the disk that holds {} is full: {free_mib} MiB free, at least {needed_mib} MiB are needed. \
         Free some space or choose another directory with --data-dir.",
        path.display()
    )]
    DiskFull {
        /// A path on that disk.
        path: PathBuf,
        /// Free space in MiB.
        free_mib: u64,
        /// Space that is needed in MiB.
        needed_mib: u64,
    },

    /// A port that was asked for by number is in use.
    #[error(
        "port {port} ({wanted_for}) is already in use. Stop the program that listens there \
         (ss -ltnp 'sport = :{port}'), or choose another port."
    )]
    PortTaken {
        /// The TCP port on loopback.
        port: u16,
        /// What the port is for.
        wanted_for: &'static str,
    },

    /// Another process already runs on the data directory.
    #[error(
        "{} is in use by another atelier (process {pid}). Stop that one first, \
         or choose another directory with --data-dir.",
        path.display()
    )]
    DataDirInUse {
        /// The data directory.
        path: PathBuf,
        /// The process that holds it, as it wrote itself down; 0 if it has not yet.
        pid: u32,
    },

    /// A server of an earlier run still holds its data and does not go away.
    #[error(
        "{program} from an earlier run (process {pid}) still uses {} and does not stop. \
         End it with: kill {pid}",
        path.display()
    )]
    LeftoverServer {
        /// The program's name.
        program: &'static str,
        /// The process that is in the way.
        pid: u32,
        /// The directory it holds.
        path: PathBuf,
    },

    /// PostgreSQL refuses to run as root and there is no account to drop to.
    #[error(
        "PostgreSQL does not run as root, and neither the account `postgres` nor `nobody` exists. \
         Create one (useradd --system postgres) or run atelier as an ordinary user."
    )]
    NoAccount,

    /// The account that the server runs as cannot reach its directory.
    #[error(
        "{} cannot be reached by the account `{account}` that PostgreSQL runs as: {} lacks execute \
         permission for others. Choose another directory with --data-dir, or run: chmod o+x {}",
        path.display(), blocked_at.display(), blocked_at.display()
    )]
    NotTraversable {
        /// The directory the server needs.
        path: PathBuf,
        /// The first ancestor that cannot be passed.
        blocked_at: PathBuf,
        /// The account.
        account: String,
    },

    /// The server ended while starting, or could not be prepared.
    #[error("{program} did not start: {reason}. Its log: {}", log.display())]
    StartFailed {
        /// The program's name.
        program: &'static str,
        /// The last words of the server.
        reason: String,
        /// Where the whole log is.
        log: PathBuf,
    },

    /// The server did not answer in time.
    #[error("{program} did not answer within {seconds} s. Its log: {}", log.display())]
    NotReady {
        /// The program's name.
        program: &'static str,
        /// How long was waited, in seconds.
        seconds: u64,
        /// Where the whole log is.
        log: PathBuf,
    },

    /// The file system refused an operation.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `cannot create`.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
}

impl LocalError {
    /// Wraps a refusal of the file system; a full disk becomes [`LocalError::DiskFull`].
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| {
            if source.kind() == std::io::ErrorKind::StorageFull {
                let free_mib = crate::data_dir::free_mib(&path).unwrap_or(0);
                return Self::DiskFull {
                    path,
                    free_mib,
                    needed_mib: crate::data_dir::NEEDED_MIB,
                };
            }
            Self::Io {
                action,
                path,
                source,
            }
        }
    }
}
