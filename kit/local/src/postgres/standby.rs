//! A second server that follows a first one: what a failover needs, for tests of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::binaries::{self, Installation};
use super::place::Place;
use super::{LocalError, PostgresOptions, PrivatePostgres, SUPERUSER, blocking, cluster};

/// What a server that others follow, or that follows another one, must be started with.
const REPLICATING: [&str; 3] = ["wal_level=replica", "max_wal_senders=8", "hot_standby=on"];

impl PostgresOptions {
    /// Options of a server that can be followed, and can follow.
    #[must_use]
    pub fn replicating(mut self) -> Self {
        self.settings.extend(REPLICATING.map(str::to_owned));
        self
    }
}

impl PrivatePostgres {
    /// Starts a standby in `dir` that streams from `primary`, both with [`PostgresOptions::replicating`].
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub async fn standby_of(
        primary: &Self,
        dir: &Path,
        options: PostgresOptions,
    ) -> Result<Self, LocalError> {
        let (asked, password, port) = (dir.to_owned(), primary.password.clone(), primary.port);
        blocking(move || {
            let place = Place::prepare(&asked)?;
            let installation = binaries::find(&place.data(), None)?;
            // One cluster, one password.
            let file = place.password_file();
            std::fs::write(&file, &password).map_err(LocalError::io("cannot write", &file))?;
            base_backup(&place, &installation, &password, port)
        })
        .await?;
        Self::start(dir, options).await
    }

    /// Starts the server again as a standby of `primary`: of one that took over after this one had
    /// been stopped in order.
    ///
    /// # Errors
    /// As [`PrivatePostgres::restart`].
    pub async fn follow(&mut self, primary: &Self) -> Result<(), LocalError> {
        let connection = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user={SUPERUSER} password={}'\n",
            primary.port, primary.password
        );
        for (name, text) in [
            ("postgresql.auto.conf", connection.as_str()),
            ("standby.signal", ""),
        ] {
            let path = self.place.data().join(name);
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .map_err(LocalError::io("cannot open", &path))?;
            file.write_all(text.as_bytes())
                .map_err(LocalError::io("cannot write", &path))?;
            if let Some(account) = &self.place.account {
                account.own(&path)?;
            }
        }
        self.restart().await
    }

    /// Asks the server to shut down in order, and waits; it can be started again.
    pub async fn shut_down(&self) {
        self.process
            .stop(Signal::SIGINT, super::STOP_PATIENCE)
            .await;
    }

    /// Ends the server as a power cut would.
    pub async fn kill(&self) {
        self.process.signal(Signal::SIGKILL);
        self.ended().await;
    }
}

/// Copies the running server on `port` to the place, ready to follow it.
fn base_backup(
    place: &Place,
    installation: &Installation,
    password: &str,
    port: u16,
) -> Result<(), LocalError> {
    let target = place.root.join("data.unfinished");
    let mut command = Command::new(installation.bin.join("pg_basebackup"));
    command
        .arg("--pgdata")
        .arg(&target)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--username", SUPERUSER, "--no-password"])
        .args(["--checkpoint", "fast", "--wal-method", "stream"])
        .args(["--no-sync", "--write-recovery-conf"])
        .current_dir("/")
        .env("PGPASSWORD", password)
        .stdin(Stdio::null());
    if let Some(account) = &place.account {
        account.apply(&mut command);
    }
    let output = command
        .output()
        .map_err(LocalError::io("cannot run pg_basebackup for", &target))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(LocalError::StartFailed {
            program: "pg_basebackup",
            reason: cluster::last_lines(&said, 3),
            log: place.log(),
        });
    }
    let data = place.data();
    std::fs::rename(&target, &data).map_err(LocalError::io("cannot move into place", &data))
}
