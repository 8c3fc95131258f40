//! Measures the engine beside other task queues: on one durable PostgreSQL, each in a database of its
//! own, one after the other, with handlers that do nothing.
//!
//! `bench/tasks.sh` builds it and calls it as `bench_tasks SCRIPTS [TASKS]`, where `SCRIPTS` is the
//! folder of the others' scripts. With `ONLY_OURS=1` the others are left out, and with `STATEMENTS=1`
//! the statements on which PostgreSQL spent the most time are printed.

mod others;
mod ours;
mod server;
mod table;

use server::Server;
use table::{Contestant, Rates};

/// Tasks that are enqueued in batches; of single ones, there are fewer.
const TASKS: usize = 20_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let scripts = arguments.next().unwrap_or_else(|| "bench/tasks".to_owned());
    let tasks = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(TASKS);
    let is_set = |name| std::env::var(name).is_ok_and(|value| value == "1");
    let server = Server::start(is_set("STATEMENTS")).await;

    let (rates, by_events) = ours::measure(&server, tasks).await;
    server.print_statements().await;
    let ours = Contestant {
        name: "Atelier",
        rates,
    };
    let mut all: Vec<Contestant<Rates>> = vec![ours];
    if !is_set("ONLY_OURS") {
        for (name, script, arguments) in others::OTHERS {
            server.settle().await;
            let rates = others::measure(&server, &scripts, script, tasks, arguments).await;
            all.push(Contestant { name, rates });
        }
    }
    table::print(&all, by_events);
    server.stop().await;
}
