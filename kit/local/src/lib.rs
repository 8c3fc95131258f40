//! The servers that Atelier starts by itself when no others are named: a private PostgreSQL, a
//! private Redis (Valkey where present) and an S3 store in process, all on loopback, all inside
//! one data directory, all gone when the process that started them is.
//!
//! `atelier up` runs on them, and so does every test that needs a real server
//! ([`test_servers`]). Nothing here knows any domain.
//!
//! A directory belongs to one process at a time ([`DataDir`]); each server keeps its data, its
//! generated password, its port and its log in a directory below. On Linux the kernel ends the
//! servers with the process, elsewhere a watching shell does; a start after any kind of crash
//! waits for what is left of the servers before, and recovers their data. A server that dies
//! alone is noticed by `ended()` and brought back by `restart()` under the same URL.

mod account;
mod data_dir;
mod error;
mod place;
mod port;
mod postgres;
mod process;
mod redis;
mod s3;
mod secret;
mod test_servers;

pub use data_dir::{DataDir, NEEDED_MIB, check_disk_space};
pub use error::LocalError;
pub use port::free_port;
pub use postgres::{PostgresOptions, PrivatePostgres};
pub use process::is_running;
pub use redis::{PrivateRedis, RedisOptions};
pub use s3::{S3Credentials, S3Server, S3Store, S3StoreOptions};
pub use test_servers::{RunningTestServers, TestServers, test_servers};

/// A program of this machine that a private server is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Where it is.
    pub program: std::path::PathBuf,
    /// Its version, as it says itself.
    pub version: String,
}
