//! A Redis (Valkey where present) of our own: configured through stdin so that the password never
//! shows in the process list, on a loopback port, and gone when this process is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::place::Place;
use crate::process::{self, ServerProcess};
use crate::{Installed, LocalError, port};

/// How long a start may take; loading a large append-only file is the slow case.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a server of an earlier run may take to go away.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(8);
/// How long a shutdown may take before the server is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How often a start is tried when the chosen port was taken in between.
const PORT_ATTEMPTS: usize = 5;

/// How a private Redis is run.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// The TCP port on loopback; `None` chooses a free one and remembers it in the directory.
    pub port: Option<u16>,
    /// Keeps the data over a restart in an append-only file, synced every second.
    pub append_only: bool,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            port: None,
            append_only: true,
        }
    }
}

/// A running private Redis. Dropping it asks the server to stop without waiting;
/// [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct PrivateRedis {
    options: RedisOptions,
    process: ServerProcess,
    port: u16,
    password: String,
    /// As it was asked for.
    asked: PathBuf,
    dir: PathBuf,
}

impl PrivateRedis {
    /// Starts the server in `dir` and waits until it answers a PING. The caller makes sure that
    /// `dir` belongs to it alone ([`crate::DataDir`]).
    ///
    /// # Errors
    /// Every [`LocalError`] says what to do about it.
    pub async fn start(dir: &Path, options: RedisOptions) -> Result<Self, LocalError> {
        crate::data_dir::check_disk_space(dir)?;
        let asked = dir.to_owned();
        let place = Place::prepare(dir)?;
        let dir = place.root.clone();
        let binary = find_binary()?;
        new_enough(version_of(&binary).await?)?;
        let password = crate::secret::remembered(&place.password_file())?;
        clear_leftover(&dir).await?;
        place.own_contents()?;
        let mut attempt = 1;
        loop {
            let port = port::choose(options.port, &place.port_file(), "Redis")?;
            match launch(&binary, &place, port, &password, &options).await {
                Ok(process) => {
                    return Ok(Self {
                        options,
                        process,
                        port,
                        password,
                        asked,
                        dir,
                    });
                }
                Err(LocalError::PortTaken { .. })
                    if options.port.is_none() && attempt < PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The program that [`start`](Self::start) would use, without starting anything.
    ///
    /// # Errors
    /// [`LocalError::MissingBinary`] or [`LocalError::TooOld`].
    pub async fn installed() -> Result<Installed, LocalError> {
        let program = find_binary()?;
        let version = new_enough(version_of(&program).await?)?;
        Ok(Installed { program, version })
    }

    /// The connection URL with the password.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/", self.password, self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's log file.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Starts the server again after it [`ended`](Self::ended) by itself: same URL, and the same
    /// data when it is append-only. A server that still runs is stopped first.
    ///
    /// # Errors
    /// As [`start`](Self::start); the port may have been taken in the meantime.
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        self.process.stop(Signal::SIGTERM, STOP_PATIENCE).await;
        let options = RedisOptions {
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

    /// Shuts the server down; with an append-only file nothing acknowledged is lost.
    pub async fn stop(self) {
        self.process.stop(Signal::SIGTERM, STOP_PATIENCE).await;
    }
}

fn find_binary() -> Result<PathBuf, LocalError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from))
        .collect();
    // Valkey first: it is the one under a free licence that is developed further.
    ["valkey-server", "redis-server"]
        .into_iter()
        .find_map(|name| directories.iter().map(|directory| directory.join(name)).find(|file| file.is_file()))
        .ok_or(LocalError::MissingBinary {
            program: "valkey-server or redis-server",
            looked_in: "$PATH, Homebrew".to_owned(),
            remedy: "Run `make deps`, or install one yourself (Debian: apt-get install redis-server; \
                     macOS: brew install valkey).",
        })
}

/// The version in `Redis server v=7.0.15 sha=00000000:0 …` or `Valkey server v=8.0.1 …`.
async fn version_of(binary: &Path) -> Result<String, LocalError> {
    let output = tokio::process::Command::new(binary)
        .arg("--version")
        .output()
        .await
        .map_err(LocalError::io("cannot run", binary))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="));
    Ok(version.unwrap_or_default().to_owned())
}

/// Refuses what is older than 6.2, the first with XAUTOCLAIM.
fn new_enough(version: String) -> Result<String, LocalError> {
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    if (numbers.next(), numbers.next()) >= (Some(6), Some(2)) {
        return Ok(version);
    }
    Err(LocalError::TooOld {
        program: "Redis",
        found: version,
        needed: "6.2",
    })
}

/// Waits for a server of an earlier run: two of them would write the same append-only file.
async fn clear_leftover(dir: &Path) -> Result<(), LocalError> {
    let pid_file = dir.join("pid");
    let Some(pid) = std::fs::read_to_string(&pid_file)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
    else {
        return Ok(());
    };
    // Redis shows its address in the process list, which tells it from another use of the id.
    let port = std::fs::read_to_string(dir.join("port")).unwrap_or_default();
    let mark = format!("-server 127.0.0.1:{}", port.trim());
    if !process::outlived(pid, &mark, Signal::SIGTERM, LEFTOVER_PATIENCE).await {
        return Err(LocalError::LeftoverServer {
            program: "redis-server",
            pid,
            path: dir.to_owned(),
        });
    }
    Ok(())
}

async fn launch(
    binary: &Path,
    place: &Place,
    port: u16,
    password: &str,
    options: &RedisOptions,
) -> Result<ServerProcess, LocalError> {
    let log = place.log();
    let process = ServerProcess::spawn(
        command(binary, place, port, password, options)?,
        Signal::SIGTERM,
    )
    .await
    .map_err(LocalError::io("cannot run", binary))?;
    let deadline = Instant::now() + READY_WITHIN;
    while process.status().is_none() && Instant::now() < deadline {
        let ping = tokio::time::timeout(Duration::from_secs(2), answers(port, password));
        if matches!(ping.await, Ok(Ok(true))) {
            return Ok(process);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if process.status().is_none() {
        return Err(LocalError::NotReady {
            program: "redis-server",
            seconds: READY_WITHIN.as_secs(),
            log,
        });
    }
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    if said.contains("Address already in use") {
        return Err(LocalError::PortTaken {
            port,
            wanted_for: "Redis",
        });
    }
    let lines: Vec<&str> = said.lines().rev().take(3).collect();
    Err(LocalError::StartFailed {
        program: "redis-server",
        reason: lines.join(" | "),
        log,
    })
}

fn command(
    binary: &Path,
    place: &Place,
    port: u16,
    password: &str,
    options: &RedisOptions,
) -> Result<Command, LocalError> {
    let dir = place.root.as_path();
    let log_path = place.log();
    let log = File::create(&log_path).map_err(LocalError::io("cannot write", &log_path))?;
    let log_too = log
        .try_clone()
        .map_err(LocalError::io("cannot write", &log_path))?;
    let append_only = if options.append_only { "yes" } else { "no" };
    let quoted = |path: &Path| {
        format!(
            "\"{}\"",
            path.to_string_lossy()
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
        )
    };
    let config = format!(
        "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\ndaemonize no\n\
         dir {dir}\npidfile {pid}\nappendonly {append_only}\nappendfsync everysec\nsave \"\"\n\
         maxmemory-policy noeviction\nloglevel notice\nalways-show-logo no\ntcp-backlog 128\n",
        dir = quoted(dir),
        pid = quoted(&dir.join("pid")),
    );
    let mut command = Command::new(binary);
    command
        .arg("-")
        .current_dir("/")
        .stdin(config_on_stdin(&config).map_err(LocalError::io("cannot configure", binary))?)
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(log_too));
    if let Some(account) = &place.account {
        account.apply(&mut command);
    }
    Ok(command)
}

/// A pipe that already holds the whole configuration, far below the smallest pipe's capacity.
fn config_on_stdin(config: &str) -> std::io::Result<Stdio> {
    use std::io::Write;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(config.as_bytes())?;
    Ok(Stdio::from(reader))
}

/// Whether the server on `port` accepts the password and answers PING. While it loads its data
/// it answers with an error instead.
async fn answers(port: u16, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())
        .await?;
    let mut reply = Vec::new();
    let mut buffer = [0_u8; 256];
    while reply.iter().filter(|byte| **byte == b'\n').count() < 2 {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => reply.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(reply == b"+OK\r\n+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_6_2_on_are_taken() {
        for good in ["6.2.0", "7.0.15", "8.1", "10.0.0"] {
            assert_eq!(new_enough(good.to_owned()).unwrap(), good);
        }
        for bad in ["6.0.16", "5.9", "", "unknown"] {
            assert!(
                matches!(new_enough(bad.to_owned()), Err(LocalError::TooOld { .. })),
                "{bad}"
            );
        }
    }
}
