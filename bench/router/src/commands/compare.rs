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
    /// Requests per second in an open loop; a closed loop without.
    #[arg(long)]
    rate: Option<f64>,
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
            let lines =
                compare(&arguments, &contestants, folder.path(), &shop, name, *dedup).await?;
            tables::print(name, *dedup, arguments.rate, &lines);
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
) -> anyhow::Result<Vec<Line>> {
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
    let time = Duration::from_secs_f64(arguments.seconds);
    for (program, line) in &mut running {
        round(arguments, &measured, program, line, Duration::from_secs(1)).await?;
        line.rounds.clear();
    }
    for _ in 0..arguments.rounds {
        for (program, line) in &mut running {
            round(arguments, &measured, program, line, time).await?;
        }
    }
    let mut lines = Vec::new();
    for (program, mut line) in running {
        line.peak_memory = program.process.peak_memory()?;
        lines.push(line);
    }
    if let Some(wrong) = measured.oracle.wrong() {
        anyhow::bail!("a wrong answer: {wrong}");
    }
    Ok(lines)
}

async fn round(
    arguments: &Arguments,
    measured: &Measured,
    program: &Running,
    line: &mut Line,
    time: Duration,
) -> anyhow::Result<()> {
    let target = measured.target(program.address, arguments.connections);
    let oracle = Rc::clone(&measured.oracle);
    let before = program.process.cpu()?;
    let outcome = match arguments.rate {
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
