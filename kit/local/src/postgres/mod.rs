//! A PostgreSQL server of our own: real, from the machine's packages, in one directory, on a
//! loopback port with a generated password, and gone when this process is.

mod binaries;
mod cluster;
mod layout;
mod settings;
mod standby;

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::place::{self, Place};
use crate::process::{self, ServerProcess};
use crate::{Installed, LocalError, port};
use binaries::Installation;

/// The role and the database that exist from the start.
const SUPERUSER: &str = "atelier";
const DATABASE: &str = "postgres";

/// How long a start may take. Recovery after a crash under load is the slow case.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long what is left of an earlier server may keep the directory before it counts as stuck.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(8);
/// How long a shutdown may take before the server is killed; it recovers from that at next start.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// How a private PostgreSQL is run.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The TCP port on loopback; `None` chooses a free one and remembers it in the directory.
    pub port: Option<u16>,
    /// False gives up safety against a crash of the machine for speed: for tests only.
    pub durable: bool,
    /// The most connections at once.
    pub max_connections: u16,
    /// More settings, such as `wal_level=replica`; they show in `ps`, so nothing secret.
    pub settings: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            port: None,
            durable: true,
            max_connections: 200,
            settings: Vec::new(),
        }
    }
}

/// A running private PostgreSQL. Dropping it asks the server to stop without waiting;
/// [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct PrivatePostgres {
    asked: PathBuf,
    options: PostgresOptions,
    process: ServerProcess,
    place: Place,
    port: u16,
    password: String,
    version: String,
}

impl PrivatePostgres {
    /// Starts the server in `dir`, creating the database the first time, and waits until it
    /// answers. The caller makes sure that `dir` belongs to it alone ([`crate::DataDir`]).
    ///
    /// # Errors
    /// Every [`LocalError`] says what to do about it.
    pub async fn start(dir: &Path, options: PostgresOptions) -> Result<Self, LocalError> {
        crate::data_dir::check_disk_space(dir)?;
        let asked = dir.to_owned();
        let dir = asked.clone();
        let prepare = move || -> Result<(Place, Installation, String, bool), LocalError> {
            let place = Place::prepare(&dir)?;
            let data = place.data();
            let installation = binaries::find(&data, cluster::version(&data).as_deref())?;
            let is_new = cluster::ensure(&place, &installation)?;
            let password = crate::secret::remembered(&place.password_file())?;
            Ok((place, installation, password, is_new))
        };
        let (place, installation, password, is_new) = blocking(prepare).await?;
        clear_leftover(&place).await?;
        // The sync may take its time beside the start, but not beyond it: whoever gets the URL
        // may commit, and commits must survive.
        let root = place.root.clone();
        let sync = async {
            match is_new && options.durable {
                true => blocking(move || cluster::sync_file_system(&root)).await,
                false => Ok(()),
            }
        };
        let started = launch(&place, &installation, &password, &options);
        let ((process, port), ()) = tokio::try_join!(started, sync)?;
        Ok(Self {
            asked,
            options,
            process,
            place,
            port,
            password,
            version: installation.major,
        })
    }

    /// The installation that [`start`](Self::start) in `dir` would use, without starting anything.
    ///
    /// # Errors
    /// [`LocalError::MissingBinary`], [`LocalError::VersionMismatch`] or [`LocalError::TooOld`].
    pub fn installed(dir: &Path) -> Result<Installed, LocalError> {
        let data = place::current(dir).join("data");
        let found = binaries::find(&data, cluster::version(&data).as_deref())?;
        Ok(Installed {
            program: found.bin.join("postgres"),
            version: found.major,
        })
    }

    /// The connection URL of the superuser, to the database `postgres`.
    pub fn url(&self) -> String {
        url(&self.password, self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The major version, such as `15`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the database really is: the directory asked for, or one under `/var/lib/atelier`
    /// when root asked for a place that the server's account cannot reach.
    pub fn data_dir(&self) -> &Path {
        &self.place.root
    }

    /// The server's log file.
    pub fn log(&self) -> PathBuf {
        self.place.log()
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Starts the server again after it [`ended`](Self::ended) by itself: same data, same URL.
    /// A server that still runs is stopped first.
    ///
    /// # Errors
    /// As [`start`](Self::start); the port may have been taken in the meantime.
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        self.process.stop(Signal::SIGINT, STOP_PATIENCE).await;
        let options = PostgresOptions {
            port: Some(self.port),
            ..self.options.clone()
        };
        *self = Self::start(&self.asked, options).await?;
        Ok(())
    }

    /// Waits until the server has ended, for whatever reason.
    pub async fn ended(&self) {
        self.process.ended().await;
    }

    /// Fast shutdown: sessions are cut off, everything is written, the next start is quick.
    pub async fn stop(self) {
        self.process.stop(Signal::SIGINT, STOP_PATIENCE).await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LocalError> + Send + 'static,
) -> Result<T, LocalError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn url(password: &str, port: u16) -> String {
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{DATABASE}")
}

fn disk_full(path: &Path) -> LocalError {
    LocalError::DiskFull {
        path: path.to_owned(),
        free_mib: crate::data_dir::free_mib(path).unwrap_or(0),
        needed_mib: crate::data_dir::NEEDED_MIB,
    }
}

/// Waits for a postmaster of an earlier run that is still going down, and removes its lock file
/// when it names a process that is no postmaster of ours (the id was given to another program).
async fn clear_leftover(place: &Place) -> Result<(), LocalError> {
    let lock_file = place.data().join("postmaster.pid");
    let Some(pid) = std::fs::read_to_string(&lock_file).ok().and_then(|text| {
        text.lines()
            .next()
            .and_then(|line| line.trim().parse::<u32>().ok())
    }) else {
        return Ok(());
    };
    let data = place.data();
    let mark = data.to_string_lossy();
    if !process::outlived(pid, &mark, Signal::SIGINT, LEFTOVER_PATIENCE).await {
        return Err(LocalError::LeftoverServer {
            program: "postgres",
            pid,
            path: data,
        });
    }
    match std::fs::remove_file(&lock_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LocalError::io("cannot remove", lock_file)(error))
        }
        _ => Ok(()),
    }
}

/// Spawns the server until one start succeeds: a port can be taken between choosing and binding,
/// and the last backends of a killed server hold its shared memory for some moments.
async fn launch(
    place: &Place,
    installation: &Installation,
    password: &str,
    options: &PostgresOptions,
) -> Result<(ServerProcess, u16), LocalError> {
    let deadline = Instant::now() + READY_WITHIN;
    let retry_until = Instant::now() + LEFTOVER_PATIENCE;
    loop {
        let port = port::choose(options.port, &place.port_file(), "PostgreSQL")?;
        let server = settings::command(place, installation, port, options)?;
        let process = ServerProcess::spawn(server, Signal::SIGINT)
            .await
            .map_err(LocalError::io("cannot run postgres in", place.data()))?;
        if ready(&process, &url(password, port), deadline).await {
            return Ok((process, port));
        }
        if process.status().is_none() {
            process.stop(Signal::SIGINT, Duration::from_secs(5)).await;
            let seconds = READY_WITHIN.as_secs();
            return Err(LocalError::NotReady {
                program: "postgres",
                seconds,
                log: place.log(),
            });
        }
        let said = std::fs::read_to_string(place.log()).unwrap_or_default();
        if said.contains("No space left on device") {
            return Err(disk_full(&place.root));
        }
        let port_taken = said.contains("Address already in use") || said.contains("could not bind");
        if port_taken && options.port.is_some() {
            return Err(LocalError::PortTaken {
                port,
                wanted_for: "PostgreSQL",
            });
        }
        let held =
            said.contains("is another postmaster") || said.contains("pre-existing shared memory");
        if !(port_taken || held) || Instant::now() >= retry_until {
            let reason = cluster::last_lines(&said, 3);
            return Err(LocalError::StartFailed {
                program: "postgres",
                reason,
                log: place.log(),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Polls by connecting; false when the server ended or the deadline passed.
async fn ready(process: &ServerProcess, url: &str, deadline: Instant) -> bool {
    while process.status().is_none() && Instant::now() < deadline {
        let attempt = tokio_postgres::connect(url, tokio_postgres::NoTls);
        if let Ok(Ok((client, connection))) =
            tokio::time::timeout(Duration::from_secs(2), attempt).await
        {
            let connection = tokio::spawn(connection);
            let answered = client.simple_query("SELECT 1").await.is_ok();
            connection.abort();
            if answered {
                return true;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}
