//! The server's command line.

use std::fs::File;
use std::process::{Command, Stdio};

use super::binaries::Installation;
use super::{LocalError, PostgresOptions};
use crate::place::Place;

/// Settings of every private server. Nothing secret may stand here: it is visible in `ps`.
const ALWAYS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_permissions=0700",
    "password_encryption=scram-sha-256",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=warning",
    "log_checkpoints=off",
    "log_autovacuum_min_duration=-1",
    "logging_collector=off",
    "log_destination=stderr",
    // A private server has no replicas: less WAL is written.
    "wal_level=minimal",
    "max_wal_senders=0",
    "wal_compression=on",
    "max_wal_size=2GB",
    "checkpoint_timeout=15min",
    "shared_buffers=256MB",
    "effective_cache_size=1GB",
    "work_mem=16MB",
    "maintenance_work_mem=128MB",
    // The data lies on an SSD or in the page cache; compiling short queries costs more than it saves.
    "random_page_cost=1.1",
    "jit=off",
    // Wide transactions over many schemas, as in tests that drop and create whole databases.
    "max_locks_per_transaction=256",
    // An abandoned transaction must not hold locks for ever.
    "idle_in_transaction_session_timeout=5min",
];

const NOT_DURABLE: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];
const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];

/// The command that runs the server in the foreground, its log going to the log file, which
/// begins anew.
pub(super) fn command(
    place: &Place,
    installation: &Installation,
    port: u16,
    options: &PostgresOptions,
) -> Result<Command, LocalError> {
    let log_path = place.log();
    let log = File::create(&log_path).map_err(LocalError::io("cannot write", &log_path))?;
    let socket_dir = place.socket_dir()?;
    // A list of directories: double quotes keep commas and blanks in a path together.
    let sockets = socket_dir
        .map(|path| format!("\"{}\"", path.to_string_lossy().replace('"', "\"\"")))
        .unwrap_or_default();
    let mut command = Command::new(installation.bin.join("postgres"));
    command.arg("-D").arg(place.data());
    let mut set = |setting: &str| {
        command.args(["-c", setting]);
    };
    ALWAYS.iter().for_each(|setting| set(setting));
    (if options.durable {
        DURABLE
    } else {
        NOT_DURABLE
    })
    .iter()
    .for_each(|setting| set(setting));
    set(&format!("port={port}"));
    set(&format!("max_connections={}", options.max_connections));
    set(&format!("unix_socket_directories={sockets}"));
    // Of a setting that is given twice, the last one counts.
    options.settings.iter().for_each(|setting| set(setting));
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(log));
    if let Some(account) = &place.account {
        account.apply(&mut command);
    }
    Ok(command)
}
