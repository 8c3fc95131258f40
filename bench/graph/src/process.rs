//! Starting the binary and reading its CPU time.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Environment variables for a process.
pub type Variables = Vec<(String, String)>;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of the binary that is ready.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub port: u16,
    /// How long it took to be ready.
    pub started_after: Duration,
}

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(atelier_local::free_port()?)
}

impl Process {
    /// Everything in one process.
    pub async fn up(binary: &Path, dir: &Path, variables: &Variables) -> anyhow::Result<Self> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        Self::start(
            binary,
            &["up", "--listen", &listen],
            dir,
            variables,
            port,
            "Stop with Ctrl-C",
        )
        .await
    }

    /// All subgraphs in one process.
    pub async fn subgraphs(
        binary: &Path,
        dir: &Path,
        variables: &Variables,
        port: u16,
    ) -> anyhow::Result<Self> {
        let listen = format!("127.0.0.1:{port}");
        let arguments = [
            "subgraph", "accounts", "media", "tasks", "--listen", &listen,
        ];
        Self::start(
            binary,
            &arguments,
            dir,
            variables,
            port,
            "The subgraph tasks listens",
        )
        .await
    }

    /// The router alone.
    pub async fn router(binary: &Path, dir: &Path, variables: &Variables) -> anyhow::Result<Self> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        Self::start(
            binary,
            &["router", "--listen", &listen],
            dir,
            variables,
            port,
            "The router listens",
        )
        .await
    }

    async fn start(
        binary: &Path,
        arguments: &[&str],
        dir: &Path,
        variables: &Variables,
        port: u16,
        ready: &str,
    ) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(arguments)
            .env("ATELIER_DATA_DIR", dir.join("data"))
            .env("ATELIER_LOG", "error")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let wait = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains(ready) {
                    return Ok(started.elapsed());
                }
            }
            bail!("{arguments:?} ended before it was ready")
        };
        let started_after = tokio::time::timeout(PATIENCE, wait)
            .await
            .context("not ready in time")??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            port,
            started_after,
        })
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Asks it to end and waits.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the process is running")?;
        Command::new("kill").arg(id.to_string()).status().await?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }
}

/// CPU seconds that processes have used so far, from `/proc`; clock ticks are 1/100 s on Linux.
pub fn cpu_seconds(ids: &[u32]) -> anyhow::Result<f64> {
    ids.iter().try_fold(0.0, |sum, id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|ticks| ticks.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Ok(sum + (ticks(11) + ticks(12)) / 100.0)
    })
}
