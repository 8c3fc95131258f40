//! Sends requests, checks every answer, and keeps latencies.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::http1::{self, Connection};

/// Bytes that turned out right, kept so that equal ones need no parsing.
const VARIANTS: usize = 8;

/// Tells right answers from wrong ones.
#[derive(Debug)]
pub struct Oracle {
    expected: Value,
    right: RefCell<Vec<Vec<u8>>>,
    wrong: RefCell<Option<String>>,
}

impl Oracle {
    /// Answers must equal this one as JSON.
    pub fn new(expected: Value) -> Self {
        Self {
            expected,
            right: RefCell::default(),
            wrong: RefCell::default(),
        }
    }

    /// A new one with the same expectation.
    pub fn clone_expected(other: &Self) -> Self {
        Self::new(other.expected.clone())
    }

    /// Whether an answer is right. The first wrong one is kept.
    pub fn check(&self, head: &[u8], body: &[u8]) -> bool {
        if !http1::is_ok(head) {
            self.keep_wrong(head, body);
            return false;
        }
        if self.right.borrow().iter().any(|right| right == body) {
            return true;
        }
        let right = serde_json::from_slice::<Value>(body).is_ok_and(|body| body == self.expected);
        let mut known = self.right.borrow_mut();
        if !right {
            self.keep_wrong(head, body);
        } else if known.len() < VARIANTS {
            known.push(body.to_vec());
        }
        right
    }

    fn keep_wrong(&self, head: &[u8], body: &[u8]) {
        self.wrong.borrow_mut().get_or_insert_with(|| {
            let text = String::from_utf8_lossy(&[head, body].concat()).into_owned();
            text.chars().take(2000).collect()
        });
    }

    /// The first wrong answer.
    pub fn wrong(&self) -> Option<String> {
        self.wrong.borrow().clone()
    }

    /// A right answer's bytes, when there was one.
    pub fn right(&self) -> Option<Vec<u8>> {
        self.right.borrow().first().cloned()
    }
}

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Answers, right or wrong.
    pub answers: usize,
    /// Wrong ones, and requests without any.
    pub failures: usize,
    /// Time from the first request to the last answer.
    pub took: Duration,
    /// Microseconds from sending (or from when it should have been sent), sorted.
    pub latencies: Vec<u32>,
}

impl Outcome {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of requests did not exceed, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().unwrap_or(0) as f64 / 1000.0
    }
}

/// A request to be sent again and again.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where to.
    pub address: SocketAddr,
    /// Head and body.
    pub request: Arc<[u8]>,
    /// Connections.
    pub connections: usize,
}

impl Target {
    /// A POST of a body to `/graphql`.
    pub fn new(address: SocketAddr, body: &[u8], connections: usize) -> Self {
        Self {
            address,
            request: http1::post(&address.to_string(), "/graphql", body).into(),
            connections,
        }
    }
}

#[derive(Default)]
struct Tally {
    failures: Cell<usize>,
    latencies: RefCell<Vec<u32>>,
}

impl Tally {
    fn outcome(&self, took: Duration) -> Outcome {
        let mut latencies = self.latencies.take();
        latencies.sort_unstable();
        Outcome {
            answers: latencies.len(),
            failures: self.failures.get(),
            took,
            latencies,
        }
    }
}

/// One request and its answer on an open connection.
async fn exchange(
    connection: &mut Connection,
    target: &Target,
    oracle: &Oracle,
) -> std::io::Result<bool> {
    connection.send(&target.request).await?;
    let message = connection
        .next()
        .await?
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let right = oracle.check(connection.head(&message), connection.body(&message));
    connection.consume(message);
    Ok(right)
}

async fn connect(target: &Target) -> std::io::Result<Connection> {
    Connection::new(TcpStream::connect(target.address).await?)
}

/// Closed loop: each connection sends its next request when it has the answer
/// to the last one. Must run inside a `LocalSet`.
pub async fn closed(target: &Target, oracle: &Rc<Oracle>, time: Duration) -> Outcome {
    let tally = Rc::new(Tally::default());
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..target.connections {
        let (target, oracle, tally) = (target.clone(), Rc::clone(oracle), Rc::clone(&tally));
        tasks.spawn_local(async move {
            if closed_connection(&target, &oracle, &tally, start + time)
                .await
                .is_err()
            {
                tally.failures.set(tally.failures.get() + 1);
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    tally.outcome(start.elapsed())
}

async fn closed_connection(
    target: &Target,
    oracle: &Oracle,
    tally: &Tally,
    end: Instant,
) -> std::io::Result<()> {
    let mut connection = connect(target).await?;
    let mut sent = Instant::now();
    while sent < end {
        if !exchange(&mut connection, target, oracle).await? {
            tally.failures.set(tally.failures.get() + 1);
        }
        let now = Instant::now();
        tally.latencies.borrow_mut().push(micros(now - sent));
        sent = now;
    }
    Ok(())
}

/// Open loop: requests are due at a steady rate whatever the router does, and
/// latency counts from when they were due. Must run inside a `LocalSet`.
pub async fn open(target: &Target, oracle: &Rc<Oracle>, rate: f64, time: Duration) -> Outcome {
    let total = (rate * time.as_secs_f64()) as usize;
    let (due, tally) = (Arc::new(Semaphore::new(0)), Rc::new(Tally::default()));
    let next = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    let gap = Duration::from_secs_f64(1.0 / rate);
    // Time to open the connections.
    let start = Instant::now() + Duration::from_millis(100);
    for _ in 0..target.connections {
        let (target, oracle, tally) = (target.clone(), Rc::clone(oracle), Rc::clone(&tally));
        let (due, next) = (Arc::clone(&due), Rc::clone(&next));
        tasks.spawn_local(async move {
            let work = async {
                let mut connection = connect(&target).await?;
                while let Ok(permit) = due.acquire().await {
                    permit.forget();
                    let number: u32 = next.get();
                    next.set(number + 1);
                    if !exchange(&mut connection, &target, &oracle).await? {
                        tally.failures.set(tally.failures.get() + 1);
                    }
                    let latency = (start + gap * number).elapsed();
                    tally.latencies.borrow_mut().push(micros(latency));
                }
                std::io::Result::Ok(())
            };
            if work.await.is_err() {
                tally.failures.set(tally.failures.get() + 1);
            }
        });
    }
    // A thread of its own wakes more exactly than the runtime's timer does.
    let clock = std::thread::spawn({
        let due = Arc::clone(&due);
        move || tick(&due, start, gap, total)
    });
    while tasks.join_next().await.is_some() {}
    let _ = clock.join();
    tally.outcome(start.elapsed())
}

/// Says which requests are due; closes the semaphore when all have been taken.
fn tick(due: &Semaphore, start: Instant, gap: Duration, total: usize) {
    let mut told = 0;
    while told < total {
        let at = start + gap * told as u32;
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let passed = Instant::now().saturating_duration_since(start);
        let now_due = (passed.as_secs_f64() / gap.as_secs_f64()) as usize + 1;
        let more = now_due.min(total).saturating_sub(told);
        due.add_permits(more);
        told += more;
    }
    // The overdue ones are still sent, for a bounded time.
    let patience = Instant::now() + Duration::from_secs(5);
    while due.available_permits() > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    due.close();
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
