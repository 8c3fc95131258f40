//! The programs that are compared, and how each is started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use atelier_router_bench::load::{self, Oracle};
use atelier_router_bench::process::{Process, free_port};
use clap::{Args, ValueEnum};
use std::rc::Rc;

use super::Measured;

/// How long a program may take to answer its first request.
const START: Duration = Duration::from_secs(20);

/// Where the programs are.
#[derive(Args, Clone)]
pub struct Programs {
    /// Our router; `router-alone` beside this program by default.
    #[arg(long)]
    pub ours: Option<PathBuf>,
    /// Another build of our router, as a further column.
    #[arg(long)]
    pub other: Option<PathBuf>,
    /// hive-router; left out without.
    #[arg(long, env = "HIVE_ROUTER")]
    pub hive: Option<PathBuf>,
    /// The program that parses nothing; `floor` beside this program by default.
    #[arg(long)]
    pub floor: Option<PathBuf>,
}

/// Which identical requests in flight are made once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dedup {
    /// None.
    Off,
    /// Those to subgraphs.
    Subgraph,
    /// Those to subgraphs and those of clients.
    Both,
}

/// One program.
#[derive(Debug, Clone)]
pub struct Contestant {
    pub name: &'static str,
    program: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Hive,
    Floor,
}

impl Programs {
    /// All that can be measured.
    pub fn contestants(&self) -> anyhow::Result<Vec<Contestant>> {
        let own = std::env::current_exe()?;
        let beside = |name: &str| own.with_file_name(name);
        let mut all = vec![Contestant {
            name: "ours",
            program: self.ours.clone().unwrap_or_else(|| beside("router-alone")),
            kind: Kind::Ours,
        }];
        all.extend(self.other.clone().map(|program| Contestant {
            name: "other",
            program,
            kind: Kind::Ours,
        }));
        all.extend(self.hive.clone().map(|program| Contestant {
            name: "hive",
            program,
            kind: Kind::Hive,
        }));
        all.push(Contestant {
            name: "floor",
            program: self.floor.clone().unwrap_or_else(|| beside("floor")),
            kind: Kind::Floor,
        });
        for contestant in &all {
            anyhow::ensure!(
                contestant.program.is_file(),
                "{} is not there",
                contestant.program.display()
            );
        }
        Ok(all)
    }
}

/// The subgraphs' process and its files.
pub struct Shop {
    /// Ends when this is dropped.
    pub process: Process,
    /// The file with the composed schema.
    pub supergraph: PathBuf,
}

impl Shop {
    /// Starts the subgraphs; files go to the folder.
    pub async fn start(folder: &Path, execute: bool) -> anyhow::Result<Self> {
        let supergraph = folder.join("supergraph.graphql");
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("subgraphs")
            .arg("--supergraph")
            .arg(&supergraph);
        if execute {
            command.arg("--execute");
        }
        let process = Process::start(&mut command)?;
        let deadline = Instant::now() + START;
        while !supergraph.exists() {
            anyhow::ensure!(Instant::now() < deadline, "the subgraphs do not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self {
            process,
            supergraph,
        })
    }
}

/// What a program is started for.
pub struct Setting<'a> {
    /// A folder for configurations.
    pub folder: &'a Path,
    pub supergraph: &'a Path,
    /// What the floor program replays.
    pub recording: &'a Path,
    pub dedup: Dedup,
}

/// A program that answers.
pub struct Running {
    pub process: Process,
    pub address: SocketAddr,
}

impl Contestant {
    /// Whether it can be measured so. The floor program shares nothing, and is
    /// there to be compared with routers that do not either.
    pub fn supports(&self, dedup: Dedup) -> bool {
        match self.kind {
            Kind::Ours | Kind::Hive => true,
            Kind::Floor => dedup == Dedup::Off,
        }
    }

    /// Whether it plans and executes, as the floor program does not.
    pub fn is_router(&self) -> bool {
        self.kind != Kind::Floor
    }

    /// Starts it and waits for a right answer.
    pub async fn start(
        &self,
        setting: &Setting<'_>,
        measured: &Measured,
    ) -> anyhow::Result<Running> {
        let port = free_port()?;
        let process = Process::start(&mut self.command(setting, port)?)?;
        let address = ([127, 0, 0, 1], port).into();
        ready(self.name, address, measured).await?;
        Ok(Running { process, address })
    }

    fn command(&self, setting: &Setting<'_>, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.program);
        let file = |text: String| -> anyhow::Result<PathBuf> {
            let extension = if self.kind == Kind::Hive {
                "yaml"
            } else {
                "toml"
            };
            let path = setting
                .folder
                .join(format!("{}-{port}.{extension}", self.name));
            std::fs::write(&path, text)?;
            Ok(path)
        };
        match self.kind {
            Kind::Ours => {
                let config = ours_config(setting.dedup);
                command.arg("--supergraph").arg(setting.supergraph);
                command.arg("--port").arg(port.to_string());
                command.arg("--config").arg(file(config)?);
            }
            Kind::Hive => {
                let config = hive_config(setting, port);
                command.env("ROUTER_CONFIG_FILE_PATH", file(config)?);
                // It tells its vendor of itself otherwise.
                command.env("HIVE_TRACING_ENABLED", "false");
            }
            Kind::Floor => {
                command.arg(setting.recording).arg(setting.supergraph);
                command.arg(port.to_string());
            }
        }
        Ok(command)
    }
}

/// Our router's configuration; defaults but for what is shared.
fn ours_config(dedup: Dedup) -> String {
    format!(
        "[dedup]\nsubgraph_requests = {}\nclient_requests = {}\n",
        dedup != Dedup::Off,
        dedup == Dedup::Both
    )
}

/// The settings that cost hive-router least: a client per worker, no limit that
/// makes 50 clients wait, no log of requests.
fn hive_config(setting: &Setting<'_>, port: u16) -> String {
    let subgraph = setting.dedup != Dedup::Off;
    let client = setting.dedup == Dedup::Both;
    format!(
        "supergraph:\n  source: file\n  path: {}\n\
         http:\n  host: 127.0.0.1\n  port: {port}\n\
         log:\n  level: error\n\
         traffic_shaping:\n  http_client_mode: per_worker\n  max_connections_per_host: 1000\n  \
         all:\n    dedupe_enabled: {subgraph}\n  \
         router:\n    dedupe:\n      enabled: {client}\n",
        setting.supergraph.display()
    )
}

/// Waits until the first right answer; a program may answer wrongly while it starts.
pub async fn ready(name: &str, address: SocketAddr, measured: &Measured) -> anyhow::Result<()> {
    let target = measured.target(address, 1);
    let deadline = Instant::now() + START;
    loop {
        // Errors while it starts are not the measured ones.
        let oracle = Rc::new(Oracle::clone_expected(&measured.oracle));
        let outcome = load::closed(&target, &oracle, Duration::from_millis(1)).await;
        if outcome.answers > 0 && outcome.failures == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            let wrong = oracle.wrong().unwrap_or_else(|| "no answer".to_owned());
            anyhow::bail!("{name} does not answer rightly: {wrong}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
