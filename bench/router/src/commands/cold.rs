//! The first answer to an operation: parsing, validating and planning included.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use atelier_router_bench::http1::{self, Connection};
use clap::Args;
use tokio::net::TcpStream;

use super::contestants::{Contestant, Dedup, Programs, Setting, Shop};
use super::{Measured, record};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    programs: Programs,
    /// Which queries.
    #[arg(long, value_delimiter = ',', default_value = "light,medium,heavy")]
    queries: Vec<String>,
    /// New operations, one after the other.
    #[arg(long, default_value_t = 300)]
    operations: usize,
}

/// Times of one kind of request.
struct Times {
    sorted: Vec<Duration>,
    cpu: f64,
}

impl Times {
    fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        let time = self.sorted.get(at).copied().unwrap_or_default();
        time.as_secs_f64() * 1000.0
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut contestants = arguments.programs.contestants()?;
    contestants.retain(Contestant::is_router);
    let folder = tempfile::tempdir()?;
    let shop = Shop::start(folder.path(), false).await?;
    println!(
        "\n{} new operations of each query, one after the other; then the same again\n",
        arguments.operations
    );
    println!("| query | router | CPU ms | p50 ms | p99 ms | again: CPU ms | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|---|");
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
        let mut operations = Vec::new();
        for number in 0..arguments.operations {
            operations.push(Measured::new(measured.query.fresh(number)).await?);
        }
        for contestant in &contestants {
            let running = contestant.start(&setting, &measured).await?;
            let times = async || -> anyhow::Result<Times> {
                let before = running.process.cpu()?;
                let sorted = ask_all(running.address, &operations).await?;
                let cpu = running.process.cpu()? - before;
                Ok(Times { sorted, cpu })
            };
            let (first, again) = (times().await?, times().await?);
            let each = |times: &Times| times.cpu * 1000.0 / operations.len() as f64;
            println!(
                "| {name} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                contestant.name,
                each(&first),
                first.at(0.5),
                first.at(0.99),
                each(&again),
                again.at(0.5),
                again.at(0.99),
            );
        }
    }
    Ok(())
}

async fn ask_all(address: SocketAddr, operations: &[Measured]) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::new(TcpStream::connect(address).await?)?;
    let host = address.to_string();
    let mut times = Vec::new();
    for operation in operations {
        let request = http1::post(&host, "/graphql", &operation.query.body());
        let start = Instant::now();
        connection.send(&request).await?;
        let message = connection.next().await?;
        let message = message.context("the connection ended")?;
        times.push(start.elapsed());
        let right = operation
            .oracle
            .check(connection.head(&message), connection.body(&message));
        anyhow::ensure!(
            right,
            "a wrong answer: {}",
            operation.oracle.wrong().unwrap_or_default()
        );
        connection.consume(message);
    }
    times.sort_unstable();
    Ok(times)
}
