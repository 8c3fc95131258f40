//! The engine, measured like the others.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use atelier_kit::{
    Deps,
    actor::Actor,
    clock::{SystemClock, SystemRandom},
    db::{Connection, Database, DatabaseConfig},
    delivery::Relay,
    error::Error,
    jobs::{Handler, NewTask, Running, TaskFailure},
    page::CursorSealer,
    peers::LocalPeers,
    redis::{Redis, RedisConfig},
    stream::Hub,
    supervise::Supervisor,
};
use atelier_tasks::{Engine, EngineConfig, MIGRATIONS, NAME, TasksConfig, Worker, WorkerConfig};
use atelier_testing::TestDatabase;
use diesel_async::AsyncConnection;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{server::Server, table::Rates};

/// Tasks of a batch.
const BATCH: usize = 1000;
/// Callers who enqueue single tasks at the same time.
const CALLERS: usize = 64;
/// Tasks that a worker works on at the same time.
const CONCURRENCY: usize = 500;

/// Workers in the process.
fn workers() -> usize {
    let given = std::env::var("WORKERS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Does nothing and counts it.
struct Noop {
    done: Arc<Semaphore>,
}

#[async_trait]
impl Handler for Noop {
    fn task_type(&self) -> &'static str {
        "bench.noop"
    }

    fn queue(&self) -> &'static str {
        "bench"
    }

    async fn run(&self, _: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        self.done.add_permits(1);
        Ok(Value::Null)
    }
}

/// An engine on a database of its own, with the relay that publishes what it tells.
struct Ours {
    engine: Engine,
    database: TestDatabase,
    done: Arc<Semaphore>,
    stop: CancellationToken,
    relay: JoinHandle<()>,
}

/// Workers until they are stopped.
struct Workers {
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Workers {
    async fn stop(self) {
        self.stop.cancel();
        for worker in self.running {
            worker.await.expect("the worker does not panic");
        }
    }
}

async fn deps(server: &Server, database: &TestDatabase) -> Deps {
    let config = RedisConfig::new(server.servers().redis_url).prefix("bench");
    let redis = Redis::connect_with(config).await.expect("Redis answers");
    Deps {
        domain: NAME,
        db: Database::new(&DatabaseConfig::new(database.url())).expect("a pool"),
        hub: Hub::new(redis.clone()),
        redis,
        peers: Arc::new(LocalPeers::default()),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        cursors: CursorSealer::new(b"cursors of benchmarks"),
    }
}

impl Ours {
    async fn start(server: &Server) -> Self {
        let database = TestDatabase::create(&server.servers(), NAME, &MIGRATIONS).await;
        let deps = deps(server, &database).await;
        let stop = CancellationToken::new();
        let relay = tokio::spawn(Relay::new(deps.clone()).run(stop.clone()));
        Self {
            engine: Engine::new(deps, EngineConfig::default()),
            database,
            done: Arc::new(Semaphore::new(0)),
            stop,
            relay,
        }
    }

    fn task(&self, n: usize) -> NewTask {
        let id = self.engine.deps().new_id();
        NewTask::new(id, "bench.noop", "bench", json!({ "n": n }))
    }

    async fn enqueue(&self, count: usize) {
        for first in (0..count).step_by(BATCH) {
            let batch = (first..count.min(first + BATCH)).map(|n| self.task(n));
            let batch: Vec<_> = batch.collect();
            let enqueued = self.engine.enqueue(&batch).await;
            enqueued.expect("the tasks are taken up");
        }
    }

    /// Enqueues tasks each by itself.
    async fn one_by_one(&self, count: usize, callers: usize) {
        let share = |caller: usize| {
            let tasks: Vec<_> = (caller..count)
                .step_by(callers)
                .map(|n| self.task(n))
                .collect();
            let engine = self.engine.clone();
            tokio::spawn(async move {
                for task in tasks {
                    engine.enqueue(&[task]).await.expect("the task is taken up");
                }
            })
        };
        let all: Vec<_> = (0..callers).map(share).collect();
        for caller in all {
            caller.await.expect("the caller does not panic");
        }
    }

    fn work(&self) -> Workers {
        let stop = CancellationToken::new();
        let start = |_| {
            let handler: Arc<dyn Handler> = Arc::new(Noop {
                done: Arc::clone(&self.done),
            });
            let config = WorkerConfig {
                concurrency: CONCURRENCY,
                ..WorkerConfig::default()
            };
            tokio::spawn(Worker::run(
                self.engine.clone(),
                vec![handler],
                config,
                stop.clone(),
            ))
        };
        Workers {
            running: (0..workers()).map(start).collect(),
            stop,
        }
    }

    /// Waits until so many more tasks have been done, and none is left: their ends are noted.
    async fn completed(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let all = self.done.acquire_many(count).await;
        all.expect("the semaphore stays open").forget();
        let subgraph = atelier_tasks::subgraph(self.engine.deps().clone(), TasksConfig::default());
        loop {
            let query = "{ tasks(first: 0, where: {queue: \"bench\", status: [QUEUED, RUNNING]}) { totalCount } }";
            let request =
                async_graphql::Request::new(query).data(Arc::new(Actor::service("bench")));
            let answer = subgraph.service.execute(request).await;
            let data = answer.data.into_json().unwrap_or_default();
            if data["tasks"]["totalCount"] == json!(0) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Lets nobody pay for what was before.
    async fn settle(&self, server: &Server) {
        let connected = Connection::establish(self.database.url()).await;
        let mut connection = connected.expect("PostgreSQL answers");
        let vacuum = diesel::sql_query("VACUUM ANALYZE");
        let vacuumed = diesel_async::RunQueryDsl::execute(vacuum, &mut connection).await;
        vacuumed.expect("the database is vacuumed");
        server.settle().await;
    }

    /// Asks for tasks in one transaction, as domains do.
    async fn ask(&self, count: usize) {
        let tasks: Vec<_> = (0..count).map(|n| self.task(n)).collect();
        let asked = self.engine.deps().transaction(async |tx| {
            for task in &tasks {
                tx.enqueue(task.clone());
            }
            Ok::<_, Error>(())
        });
        asked.await.expect("the requests are written");
    }

    async fn by_events(&self, count: usize) -> f64 {
        let workers = self.work();
        let supervisor = Supervisor::new(self.stop.clone());
        let deps = self.engine.deps().clone();
        atelier_tasks::subgraph(deps, TasksConfig::default())
            .start(&[NAME.to_owned()], &supervisor);
        self.ask(1).await;
        self.completed(1).await;
        let rate = rate(count, async {
            for first in (0..count).step_by(BATCH) {
                self.ask(BATCH.min(count - first)).await;
            }
            self.completed(count).await;
        });
        let rate = rate.await;
        workers.stop().await;
        self.stop.cancel();
        supervisor.finished().await;
        rate
    }
}

async fn rate(count: usize, work: impl Future<Output = ()>) -> f64 {
    let started = Instant::now();
    work.await;
    count as f64 / started.elapsed().as_secs_f64()
}

/// Measures the engine; the second rate is that of tasks that were asked for by events.
pub async fn measure(server: &Server, count: usize) -> (Rates, f64) {
    let ours = Ours::start(server).await;
    // Warm-up: connections are made.
    let few = count.min(2 * BATCH);
    ours.enqueue(few).await;
    ours.one_by_one(few.min(200), CALLERS).await;
    let workers = ours.work();
    ours.completed(few + few.min(200)).await;
    workers.stop().await;
    ours.settle(server).await;
    server.forget_statements().await;

    let batches = rate(count, ours.enqueue(count)).await;
    ours.settle(server).await;
    let mut workers = None;
    let run = rate(count, async {
        workers = Some(ours.work());
        ours.completed(count).await;
    });
    let run = run.await;
    ours.settle(server).await;
    let both = rate(count, async {
        ours.enqueue(count).await;
        ours.completed(count).await;
    });
    let both = both.await;
    if let Some(workers) = workers {
        workers.stop().await;
    }
    ours.settle(server).await;
    let (half, few) = ((count / 2).max(1), (count / 20).max(1));
    let many = rate(half, ours.one_by_one(half, CALLERS)).await;
    let alone = rate(few, ours.one_by_one(few, 1)).await;
    let workers = ours.work();
    ours.completed(half + few).await;
    workers.stop().await;
    ours.settle(server).await;
    let by_events = ours.by_events((count / 4).max(1)).await;
    ours.relay.await.expect("the relay does not panic");
    let rates = Rates {
        batches,
        run,
        both,
        many,
        alone,
    };
    (rates, by_events)
}
