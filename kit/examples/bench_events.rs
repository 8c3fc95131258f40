//! Measures what events cost while others listen to other things.
//!
//! `bench/events.sh [EVENTS]` (or `cargo run --release -p atelier-kit --example
//! bench_events [EVENTS]`) starts private servers, or takes those of `ATELIER_TEST_*`. One listener
//! follows what concerns it, while 1, 1,000 and 20,000 others follow what concerns them; every event
//! concerns only the one. For each crowd it prints events per second, CPU time of the process per
//! event (writing them included), both also as a ratio to the smallest crowd, and the memory that one
//! idle listener takes, its task included. The last line is a crowd that is handed everything and
//! turns it down itself. Compare only figures of one run.

use std::time::{Duration, Instant};

use atelier_kit::{
    Deps,
    clock::{Clock, SystemClock},
    delivery::{Followed, Interest, follow},
    event::{Event, stream_of},
    stream::StreamWriter,
};
use diesel_migrations::EmbeddedMigrations;
use futures::{Stream, StreamExt, future::join_all};
use serde_json::json;
use tokio::task::JoinHandle;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);
const DOMAIN: &str = "bench";
/// Events written, and waited for, at a time: well within what a listener may be behind.
const ROUND: usize = 250;
const STREAM_LENGTH: usize = 100_000;

/// How the crowd listens.
#[derive(Clone, Copy)]
enum Crowd {
    ToItsOwn,
    ToEverything,
}

struct Figures {
    per_second: f64,
    cpu: Duration,
    bytes: usize,
}

async fn listen(deps: &Deps, id: usize, crowd: Crowd) -> impl Stream<Item = Followed> + use<> {
    let own = format!("usr_{id}");
    let interest = match crowd {
        Crowd::ToItsOwn => Interest::ids([&own]),
        Crowd::ToEverything => Interest::All,
    };
    let wanted = move |event: &Event| event.concerns.contains(&own);
    follow(deps, None, interest, wanted)
        .await
        .expect("the stream can be followed")
}

async fn gather(deps: &Deps, size: usize, crowd: Crowd) -> Vec<JoinHandle<()>> {
    let mut listeners = Vec::with_capacity(size);
    for first in (1..=size).step_by(500) {
        let some = (first..(first + 500).min(size + 1)).map(|id| listen(deps, id, crowd));
        for listener in join_all(some).await {
            listeners.push(tokio::spawn(async move {
                let mut listener = std::pin::pin!(listener);
                while listener.next().await.is_some() {}
            }));
        }
    }
    // All wait for their first event now.
    tokio::task::yield_now().await;
    listeners
}

async fn measure(deps: &Deps, size: usize, crowd: Crowd, events: usize) -> Figures {
    let before = resident();
    let listeners = gather(deps, size, crowd).await;
    let bytes = resident().saturating_sub(before) / size;
    let mut mine = Box::pin(listen(deps, 0, Crowd::ToItsOwn).await);
    let writer = StreamWriter::new(deps.redis.clone());
    let round: Vec<_> = (0..ROUND).map(|at| event(deps, at)).collect();
    // The first rounds warm up.
    let rounds = events.div_ceil(ROUND);
    let (mut began, mut cpu) = (Instant::now(), cpu_time());
    for at in 0..rounds + 4 {
        if at == 4 {
            (began, cpu) = (Instant::now(), cpu_time());
        }
        writer
            .append(&stream_of(DOMAIN), &round, STREAM_LENGTH)
            .await
            .expect("events are written");
        for _ in 0..ROUND {
            let Some(Followed::Event(..)) = mine.next().await else {
                panic!("events come");
            };
        }
    }
    let count = (rounds * ROUND) as f64;
    let figures = Figures {
        per_second: count / began.elapsed().as_secs_f64(),
        cpu: (cpu_time() - cpu).div_f64(count),
        bytes,
    };
    for listener in &listeners {
        listener.abort();
    }
    join_all(listeners).await;
    figures
}

fn event(deps: &Deps, at: usize) -> (String, Vec<u8>) {
    let event = Event {
        id: deps.new_uuid(),
        domain: DOMAIN.to_owned(),
        topic: "task.progressed".to_owned(),
        key: format!("tsk_{at}"),
        concerns: vec!["usr_0".to_owned()],
        payload: json!({ "owner": "usr_0", "task": at, "status": "RUNNING", "attempt": 1 }),
        trace: None,
        occurred_at: SystemClock.now(),
    };
    let payload = serde_json::to_vec(&event).expect("an event is JSON");
    (event.id.to_string(), payload)
}

/// What the process has used so far, of all processors.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // Linux counts them in hundredths of a second, whatever the kernel's own tick is.
    Duration::from_millis(ticks * 10)
}

/// What the process holds in memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kib.unwrap_or_default() * 1024
}

#[tokio::main]
async fn main() {
    let argument = std::env::args().nth(1);
    let events = argument.map_or(20_000, |events| events.parse().expect("a number of events"));
    let test = atelier_testing::deps(DOMAIN, &NONE).await;
    let deps = &test.deps;
    println!("listeners   events/s    ratio   CPU µs/event    ratio   bytes/idle listener");
    let mut first: Option<Figures> = None;
    let crowds = [
        (1, Crowd::ToItsOwn, events, ""),
        (1_000, Crowd::ToItsOwn, events, ""),
        (20_000, Crowd::ToItsOwn, events, ""),
        (
            1_000,
            Crowd::ToEverything,
            events.min(2_000),
            "  handed everything",
        ),
    ];
    for (size, crowd, events, note) in crowds {
        let figures = measure(deps, size, crowd, events).await;
        let base = first.as_ref().unwrap_or(&figures);
        println!(
            "{size:>9} {:>10.0} {:>8.2} {:>14.1} {:>8.2} {:>21}{note}",
            figures.per_second,
            figures.per_second / base.per_second,
            figures.cpu.as_secs_f64() * 1e6,
            figures.cpu.as_secs_f64() / base.cpu.as_secs_f64(),
            figures.bytes,
        );
        first.get_or_insert(figures);
    }
}
