//! Where things are and how they look: flags and `ATELIER_` variables, secrets by variable or file.

use std::{collections::HashMap, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use atelier_kit::{
    actor::KeyFolder,
    outbound::{self, OutboundConfig},
    redis::RedisConfig,
    secret::Secret,
};
use atelier_storage::StorageConfig;
use atelier_telemetry::{LogFile, LogFormat, Rotation, TelemetryConfig};
use clap::Args;

use crate::config::Config;

/// Settings that all commands share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The configuration file, with a table for each domain and for the router; variables go before it
    /// (see: atelier config).
    #[arg(long, global = true, env = "ATELIER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where `atelier up` keeps its data.
    #[arg(
        long,
        global = true,
        env = "ATELIER_DATA_DIR",
        default_value = ".atelier"
    )]
    pub data_dir: PathBuf,
    /// Look of the log lines: pretty or json.
    #[arg(
        long,
        global = true,
        env = "ATELIER_LOG_FORMAT",
        default_value = "pretty"
    )]
    pub log_format: LogFormat,
    /// Levels by target: `info,request=debug`.
    #[arg(
        long,
        global = true,
        env = "ATELIER_LOG",
        default_value = "warn,atelier=info,request=info"
    )]
    pub log: String,
    /// Also write log files into this folder, a new one each day, older ones compressed, the last
    /// 14 kept.
    #[arg(long, global = true, env = "ATELIER_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
    /// Send traces to this OTLP/HTTP collector.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Proxies in front of this process whose `X-Forwarded-For` is believed.
    #[arg(
        long,
        global = true,
        env = "ATELIER_TRUSTED_PROXIES",
        default_value_t = 0
    )]
    pub trusted_proxies: usize,
    /// Where to listen for operators: `/metrics`, and `/health/ready` in detail. Nowhere, unless
    /// given.
    #[arg(long, global = true, env = "ATELIER_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
}

impl Settings {
    /// How to log and trace.
    pub fn telemetry(&self, service: &str) -> TelemetryConfig {
        TelemetryConfig {
            format: self.log_format,
            filter: self.log.clone(),
            file: self.log_dir.clone().map(|dir| LogFile {
                dir,
                rotation: Rotation::Daily,
                max_files: 14,
            }),
            otlp_endpoint: self.otlp_endpoint.clone(),
            service_name: service.to_owned(),
            ..TelemetryConfig::default()
        }
    }
}

/// A variable, or the content of the file that the variable with `_FILE` names.
///
/// # Errors
/// If the file cannot be read.
pub fn variable(name: &str) -> anyhow::Result<Option<String>> {
    if let Ok(path) = std::env::var(format!("{name}_FILE")) {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{name}_FILE: cannot read {path}"))?;
        return Ok(Some(text.trim_end().to_owned()));
    }
    Ok(std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// A variable that must be there.
///
/// # Errors
/// Says how to set it.
pub fn required(name: &str) -> anyhow::Result<String> {
    variable(name)?.with_context(|| {
        format!("{name} is not set. Set it (or {name}_FILE), or run everything with: atelier up")
    })
}

/// The servers that a process works with.
#[derive(Clone)]
pub struct Servers {
    /// PostgreSQL.
    pub databases: Databases,
    /// Redis or Valkey.
    pub redis: RedisConfig,
    /// The object store.
    pub storage: StorageConfig,
    /// What tokens and cursors are sealed with.
    pub secrets: Secrets,
    /// Queues of this binary that external workers may work on as well.
    pub external_queues: Vec<String>,
    /// What the operator has set.
    pub config: Arc<Config>,
}

impl Servers {
    /// Servers that are never connected to, for building schemas.
    ///
    /// # Errors
    /// Never in practice.
    pub fn nowhere() -> anyhow::Result<Self> {
        let nowhere = "http://127.0.0.1:1";
        Ok(Self {
            databases: Databases {
                url: "postgres://127.0.0.1:1/nowhere".to_owned(),
            },
            redis: RedisConfig::new("redis://127.0.0.1:1"),
            storage: StorageConfig {
                endpoint: nowhere.to_owned(),
                public_endpoint: nowhere.to_owned(),
                region: "nowhere".to_owned(),
                bucket: "nowhere".to_owned(),
                access_key: "nobody".to_owned(),
                secret_key: "nothing".to_owned(),
                path_style: true,
            },
            secrets: Secrets::common(Secret::new([0; 32])?),
            external_queues: Vec::new(),
            config: Arc::default(),
        })
    }

    /// The servers named by `ATELIER_DATABASE_URL`, `ATELIER_REDIS_URL`, `ATELIER_S3_*` and
    /// `ATELIER_SECRET`.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env(config: Config) -> anyhow::Result<Self> {
        Ok(Self {
            config: Arc::new(config),
            databases: Databases::from_env()?,
            redis: redis(required("ATELIER_REDIS_URL")?)?,
            storage: storage_from_env()?.context(
                "ATELIER_S3_ENDPOINT is not set. Set it, or run everything with: atelier up",
            )?,
            secrets: Secrets::from_env()?,
            external_queues: external_queues()?,
        })
    }
}

/// The databases of the domains: one for all, or one each.
#[derive(Clone)]
pub struct Databases {
    /// The database of domains without one of their own.
    pub url: String,
}

impl Databases {
    /// The database named by `ATELIER_DATABASE_URL`.
    ///
    /// # Errors
    /// If it is not set.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self {
            url: required("ATELIER_DATABASE_URL")?,
        })
    }

    /// The database of a domain: `ATELIER_<DOMAIN>_DATABASE_URL`, or the common one.
    ///
    /// # Errors
    /// If a file named by a variable cannot be read.
    pub fn of(&self, domain: &str) -> anyhow::Result<String> {
        let own = variable(&format!("ATELIER_{}_DATABASE_URL", domain.to_uppercase()))?;
        Ok(own.unwrap_or_else(|| self.url.clone()))
    }
}

/// The secrets of the domains: one for all, or one each, so that no domain can open what another
/// has sealed.
#[derive(Clone)]
pub struct Secrets {
    common: Option<Secret>,
}

impl Secrets {
    /// One secret for all domains that have none of their own.
    pub fn common(secret: Secret) -> Self {
        Self {
            common: Some(secret),
        }
    }

    /// The secret named by `ATELIER_SECRET`, which may be missing if each domain has its own.
    ///
    /// # Errors
    /// If it is too short, or a file named by a variable cannot be read.
    pub fn from_env() -> anyhow::Result<Self> {
        let common = variable("ATELIER_SECRET")?.map(Secret::new).transpose();
        Ok(Self {
            common: common.context("ATELIER_SECRET")?,
        })
    }

    /// The secret of a domain: `ATELIER_<DOMAIN>_SECRET`, or the common one.
    ///
    /// # Errors
    /// If there is neither, it is too short, or a file named by a variable cannot be read.
    pub fn of(&self, domain: &str) -> anyhow::Result<Secret> {
        let name = format!("ATELIER_{}_SECRET", domain.to_uppercase());
        if let Some(own) = variable(&name)? {
            return Secret::new(own).context(name);
        }
        self.common.clone().with_context(|| {
            format!("neither ATELIER_SECRET nor {name} is set. Set one of them (or its _FILE form), or run everything with: atelier up")
        })
    }
}

/// The keys with which the parts of an installation prove themselves to each other, in the folder
/// named by `ATELIER_KEYS_DIR`.
///
/// # Errors
/// Says how to make them.
pub fn keys_from_env() -> anyhow::Result<KeyFolder> {
    let folder = variable("ATELIER_KEYS_DIR")?.context(
        "ATELIER_KEYS_DIR is not set. Make keys with: atelier keys new router accounts media tasks --dir keys; or run everything with: atelier up",
    )?;
    Ok(KeyFolder::new(folder))
}

/// Redis at `url`, with the key prefix of `ATELIER_REDIS_PREFIX`, so that several installations can
/// share a server.
///
/// # Errors
/// If a file named by a variable cannot be read.
pub fn redis(url: impl Into<String>) -> anyhow::Result<RedisConfig> {
    let config = RedisConfig::new(url);
    Ok(match variable("ATELIER_REDIS_PREFIX")? {
        Some(prefix) => config.prefix(prefix),
        None => config,
    })
}

/// The queues named by `ATELIER_EXTERNAL_QUEUES`, separated by commas: external workers may be granted
/// these although this binary works on them.
///
/// # Errors
/// If a file named by the variable cannot be read.
pub fn external_queues() -> anyhow::Result<Vec<String>> {
    let listed = variable("ATELIER_EXTERNAL_QUEUES")?.unwrap_or_default();
    let names = listed.split(',').map(str::trim);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

/// The object store named by `ATELIER_S3_*`; `None` without an endpoint.
///
/// # Errors
/// If an endpoint is given without keys.
pub fn storage_from_env() -> anyhow::Result<Option<StorageConfig>> {
    let Some(endpoint) = variable("ATELIER_S3_ENDPOINT")? else {
        return Ok(None);
    };
    Ok(Some(StorageConfig {
        public_endpoint: variable("ATELIER_S3_PUBLIC_ENDPOINT")?
            .unwrap_or_else(|| endpoint.clone()),
        endpoint,
        region: variable("ATELIER_S3_REGION")?.unwrap_or_else(|| "us-east-1".to_owned()),
        bucket: variable("ATELIER_S3_BUCKET")?.unwrap_or_else(|| "atelier".to_owned()),
        access_key: required("ATELIER_S3_ACCESS_KEY")?,
        secret_key: required("ATELIER_S3_SECRET_KEY")?,
        path_style: variable("ATELIER_S3_PATH_STYLE")?.is_none_or(|value| value != "false"),
    }))
}

/// What requests to addresses that users give may reach, by `ATELIER_OUTBOUND_ALLOW` and
/// `ATELIER_OUTBOUND_DENY`.
///
/// # Errors
/// Names the first item that is no network.
pub fn outbound_from_env() -> anyhow::Result<OutboundConfig> {
    let networks = |name: &str| {
        let list = variable(name)?.unwrap_or_default();
        outbound::networks(&list).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))
    };
    Ok(OutboundConfig {
        allow_networks: networks("ATELIER_OUTBOUND_ALLOW")?,
        deny_networks: networks("ATELIER_OUTBOUND_DENY")?,
        ..OutboundConfig::default()
    })
}

/// Reads `name=url` pairs.
///
/// # Errors
/// For a pair without `=`, and for a name given twice.
pub fn urls(pairs: &[String]) -> anyhow::Result<HashMap<String, String>> {
    let mut urls = HashMap::new();
    for pair in pairs {
        let Some((name, url)) = pair.split_once('=') else {
            bail!("{pair:?} is not of the form name=url")
        };
        if urls
            .insert(name.trim().to_owned(), url.trim().to_owned())
            .is_some()
        {
            bail!("the subgraph {name:?} is named twice");
        }
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::urls;

    #[test]
    fn subgraph_urls_are_read_and_mistakes_told() {
        let pairs = |pairs: &[&str]| {
            urls(
                &pairs
                    .iter()
                    .map(|pair| (*pair).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(pairs(&["a=http://x/?q=1"]).unwrap()["a"], "http://x/?q=1");
        assert!(pairs(&["a"]).unwrap_err().to_string().contains("name=url"));
        assert!(
            pairs(&["a=1", "a=2"])
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
}
