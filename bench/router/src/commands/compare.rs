//! Alternating rounds over all programs and queries.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use atelier_router_bench::load;
use clap::Args;

use super::contestants::{Contestant, Dedup, Programs, Running, Setting, Shop};
use super::tables::{Line, Round};
use super::{Measured, record, tables};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    programs: Programs,
    /// Which queries.
    #[arg(long, value_delimiter = ',', default_value = "light,medium,heavy")]
    queries: Vec<String>,
    /// Seconds of each round.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds of each program; odd, so that the median is one of them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Which identical requests in flight are made once; a table for each.
    #[arg(long, value_delimiter = ',', default_value = "off")]
    dedup: Vec<Dedup>,
    /// Then the same in an open loop at this share of hive-router's median rate,
    /// or of our router's when hive-router is left out.
    #[arg(long)]
    open_share: Option<f64>,
    /// Leave the floor program out.
    #[arg(long)]
    no_floor: bool,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut contestants = arguments.programs.contestants()?;
    contestants.retain(|contestant| contestant.is_router() || !arguments.no_floor);
    if arguments.programs.hive.is_none() {
        println!("hive-router is left out: HIVE_ROUTER does not name it.");
    }
    let folder = tempfile::tempdir()?;
    let shop = Shop::start(folder.path(), false).await?;
    for dedup in &arguments.dedup {
        for name in &arguments.queries {
            compare(&arguments, &contestants, folder.path(), &shop, name, *dedup).await?;
        }
    }
    Ok(())
}

async fn compare(
    arguments: &Arguments,
    contestants: &[Contestant],
    folder: &Path,
    shop: &Shop,
    name: &str,
    dedup: Dedup,
) -> anyhow::Result<()> {
    let measured = Measured::named(name).await?;
    let recording = folder.join(format!("{name}.recording"));
    record::record(&measured).await?.write(&recording)?;
    let setting = Setting {
        folder,
        supergraph: &shop.supergraph,
        recording: &recording,
        dedup,
    };
    // New processes for each query, so that memory is that query's.
    let mut running = Vec::new();
    for contestant in contestants {
        if !contestant.supports(dedup) {
            println!("{}: not measured with dedup {dedup:?}", contestant.name);
            continue;
        }
        let program = contestant.start(&setting, &measured).await?;
        let line = Line::new(contestant.name);
        running.push((program, line));
    }
    let load = Load {
        measured: &measured,
        connections: arguments.connections,
        rate: None,
    };
    for (program, line) in &mut running {
        load.round(program, line, Duration::from_secs(1)).await?;
    }
    let rate = rounds(arguments, &load, &mut running, dedup).await?;
    if let Some(share) = arguments.open_share {
        let load = Load {
            rate: Some(rate * share),
            ..load
        };
        rounds(arguments, &load, &mut running, dedup).await?;
    }
    Ok(())
}

/// Alternating rounds and their table; the rate of hive-router, or of ours.
async fn rounds(
    arguments: &Arguments,
    load: &Load<'_>,
    running: &mut [(Running, Line)],
    dedup: Dedup,
) -> anyhow::Result<f64> {
    let time = Duration::from_secs_f64(arguments.seconds);
    for (_, line) in running.iter_mut() {
        line.rounds.clear();
    }
    for _ in 0..arguments.rounds {
        for (program, line) in running.iter_mut() {
            load.round(program, line, time).await?;
        }
    }
    for (program, line) in running.iter_mut() {
        line.peak_memory = program.process.peak_memory()?;
    }
    let lines: Vec<&Line> = running.iter().map(|(_, line)| line).collect();
    tables::print(load.measured.query.name, dedup, load.rate, &lines);
    let base = lines.iter().find(|line| line.name == "hive");
    Ok(base.or(lines.first()).map_or(1.0, |line| line.rate()))
}

/// What every program gets.
struct Load<'a> {
    measured: &'a Measured,
    connections: usize,
    /// Requests per second in an open loop; a closed loop without.
    rate: Option<f64>,
}

impl Load<'_> {
    /// Adds one round of a program to its line.
    async fn round(
        &self,
        program: &Running,
        line: &mut Line,
        time: Duration,
    ) -> anyhow::Result<()> {
        let target = self.measured.target(program.address, self.connections);
        let oracle = Rc::clone(&self.measured.oracle);
        let before = program.process.cpu()?;
        let outcome = match self.rate {
            Some(rate) => load::open(&target, &oracle, rate, time).await,
            None => load::closed(&target, &oracle, time).await,
        };
        let cpu = program.process.cpu()? - before;
        anyhow::ensure!(
            outcome.failures == 0,
            "{}: {} of {} answers were wrong or missing: {}",
            line.name,
            outcome.failures,
            outcome.answers,
            oracle.wrong().unwrap_or_default()
        );
        line.rounds.push(Round {
            cpu_per_1000: cpu * 1000.0 / outcome.answers as f64,
            rate: outcome.rate(),
            p50: outcome.percentile(0.5),
            p99: outcome.percentile(0.99),
        });
        Ok(())
    }
}
