//! `atelier doctor`: what this machine has, what is missing, and what to do about it.

use std::{net::TcpListener, path::Path, time::Duration};

use atelier_kit::{
    db::{Database, DatabaseConfig},
    redis::Redis,
};
use atelier_local::{LocalError, PrivatePostgres, PrivateRedis, check_disk_space};
use atelier_storage::Storage;

use crate::{
    domains,
    say::say,
    settings::{Databases, Settings, outbound_from_env, storage_from_env, variable},
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks everything, prints a line for each, and fails if anything is wrong.
///
/// # Errors
/// If a check failed.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let results = vec![
        (
            "PostgreSQL",
            postgres(&settings.data_dir.join("postgres")).await,
        ),
        ("Migrations", migrations().await),
        ("Redis", redis().await),
        ("Object store", storage().await),
        ("Calls to others", outbound()),
        ("Data directory", data_dir(&settings.data_dir)),
        ("Open files", crate::open_files::check()),
        ("Port 4000", port(4000)),
    ];
    let mut failed = 0;
    for (name, result) in results {
        match result {
            Ok(found) => say(format_args!("ok       {name:<16} {found}")),
            Err(problem) => {
                failed += 1;
                say(format_args!("problem  {name:<16} {problem:#}"));
            }
        }
    }
    if failed > 0 {
        anyhow::bail!("{failed} problem(s) found");
    }
    Ok(())
}

async fn postgres(data_dir: &Path) -> anyhow::Result<String> {
    match variable("ATELIER_DATABASE_URL")? {
        None => {
            let found = PrivatePostgres::installed(data_dir)?;
            Ok(format!(
                "{} ({}), started by: atelier up",
                found.program.display(),
                found.version
            ))
        }
        Some(url) => {
            let database = Database::new(&DatabaseConfig::new(url))
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            match tokio::time::timeout(PATIENCE, database.ping()).await {
                Ok(Ok(())) => Ok("answers at ATELIER_DATABASE_URL".to_owned()),
                Ok(Err(error)) => anyhow::bail!(
                    "ATELIER_DATABASE_URL: {}",
                    error.cause_chain().unwrap_or_default()
                ),
                Err(_) => anyhow::bail!(
                    "ATELIER_DATABASE_URL: no answer within {} s",
                    PATIENCE.as_secs()
                ),
            }
        }
    }
}

async fn migrations() -> anyhow::Result<String> {
    let Ok(databases) = Databases::from_env() else {
        return Ok("applied by: atelier up".to_owned());
    };
    let all = domains::find(&domains::names())?;
    domains::require_migrated(&databases, &all).await?;
    Ok("nothing is pending".to_owned())
}

async fn redis() -> anyhow::Result<String> {
    match variable("ATELIER_REDIS_URL")? {
        None => {
            let found = PrivateRedis::installed().await?;
            Ok(format!(
                "{} ({}), started by: atelier up",
                found.program.display(),
                found.version
            ))
        }
        Some(url) => {
            let redis = Redis::connect_with(crate::settings::redis(url)?).await?;
            Ok(format!(
                "answers at ATELIER_REDIS_URL within {} ms",
                redis.ping().await?.as_millis()
            ))
        }
    }
}

async fn storage() -> anyhow::Result<String> {
    match storage_from_env()? {
        None => Ok("in process, started by: atelier up".to_owned()),
        Some(config) => {
            Storage::new(&config)?.check().await?;
            Ok(format!("bucket {} at {}", config.bucket, config.endpoint))
        }
    }
}

fn outbound() -> anyhow::Result<String> {
    let config = outbound_from_env()?;
    let mut told = "public addresses only".to_owned();
    if !config.allow_networks.is_empty() {
        told = format!("public addresses and {}", list(&config.allow_networks));
    }
    if !config.deny_networks.is_empty() {
        told.push_str(&format!(", but not {}", list(&config.deny_networks)));
    }
    Ok(told)
}

fn list(items: &[impl ToString]) -> String {
    let texts: Vec<_> = items.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn data_dir(path: &Path) -> anyhow::Result<String> {
    match check_disk_space(path) {
        Ok(()) => Ok(path.display().to_string()),
        Err(problem @ LocalError::DiskFull { .. }) => Err(problem.into()),
        Err(_) => Ok(format!("{} (made by: atelier up)", path.display())),
    }
}

fn port(port: u16) -> anyhow::Result<String> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok("free".to_owned()),
        Err(cause) => anyhow::bail!(
            "{cause}. If it is not Atelier itself, choose another with: atelier up --listen 127.0.0.1:PORT"
        ),
    }
}
