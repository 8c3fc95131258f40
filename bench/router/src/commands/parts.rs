//! Router and subgraphs in one process against the same over HTTP: requests per
//! CPU second of everything that answers.

use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use atelier_router_bench::load;
use atelier_router_bench::process::{Process, free_port};
use clap::Args;

use super::contestants::{self, Dedup, Programs, Setting, Shop};
use super::{Measured, record};

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
    /// Rounds of each; odd, so that the median is one of them.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value_t = 50)]
    connections: usize,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let contestants = arguments.programs.contestants()?;
    let ours = &contestants[0];
    let folder = tempfile::tempdir()?;
    let shop = Shop::start(folder.path(), true).await?;
    println!(
        "\nRequests per CPU second of router and subgraphs; each request is executed by async-graphql\n"
    );
    println!("| query | one process | over HTTP | of that the router | ratio |");
    println!("|---|---|---|---|---|");
    for name in &arguments.queries {
        let measured = Measured::named(name).await?;
        let recording = folder.path().join("recording");
        record::record(&measured).await?.write(&recording)?;
        let setting = Setting {
            folder: folder.path(),
            supergraph: &shop.supergraph,
            recording: &recording,
            dedup: Dedup::Off,
        };
        let apart = ours.start(&setting, &measured).await?;
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("one-process")
            .arg("--port")
            .arg(port.to_string());
        let one = Process::start(&mut command)?;
        let address = ([127, 0, 0, 1], port).into();
        contestants::ready("one process", address, &measured).await?;
        let (mut together, mut over_http, mut router) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            let cpu = per_cpu_second(&arguments, &measured, address, &[&one]).await?;
            together.push(cpu[0]);
            let both = [&apart.process, &shop.process];
            let cpu = per_cpu_second(&arguments, &measured, apart.address, &both).await?;
            over_http.push(1.0 / (1.0 / cpu[0] + 1.0 / cpu[1]));
            router.push(cpu[0]);
        }
        let (together, over_http) = (median(together), median(over_http));
        println!(
            "| {name} | {together:.0} | {over_http:.0} | {:.0} | {:.2} |",
            median(router),
            together / over_http
        );
    }
    Ok(())
}

/// Requests per CPU second of each process.
async fn per_cpu_second(
    arguments: &Arguments,
    measured: &Measured,
    address: std::net::SocketAddr,
    processes: &[&Process],
) -> anyhow::Result<Vec<f64>> {
    let cpu =
        || -> anyhow::Result<Vec<f64>> { processes.iter().map(|process| process.cpu()).collect() };
    let before = cpu()?;
    let target = measured.target(address, arguments.connections);
    let time = Duration::from_secs_f64(arguments.seconds);
    let outcome = load::closed(&target, &Rc::clone(&measured.oracle), time).await;
    anyhow::ensure!(
        outcome.failures == 0,
        "{} wrong or missing answers: {}",
        outcome.failures,
        measured.oracle.wrong().unwrap_or_default()
    );
    let after = cpu()?;
    let used = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before);
    Ok(used.map(|used| outcome.answers as f64 / used).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
