//! Measures the engine: tasks from enqueue to complete, with a handler that does nothing.
//!
//! `cargo run --release --example bench_tasks -p atelier-tasks [TASKS] [WORKERS] [CONCURRENCY]`
//! starts private servers, or takes those of `ATELIER_TEST_*`, and prints figures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use atelier_kit::{
    Deps,
    clock::SystemClock,
    delivery::Relay,
    error::Error,
    jobs::{Handler, NewTask, Running, TaskFailure},
    supervise::Supervisor,
};
use atelier_tasks::{Engine, EngineConfig, MIGRATIONS, NAME, Worker, WorkerConfig};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Who enqueues single tasks at the same time.
const CALLERS: usize = 64;

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

fn argument(nth: usize, default: usize) -> usize {
    std::env::args()
        .nth(nth)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn tasks(engine: &Engine, count: usize) -> Vec<NewTask> {
    (0..count)
        .map(|n| {
            NewTask::new(
                engine.deps().new_id(),
                "bench.noop",
                "bench",
                json!({ "n": n }),
            )
        })
        .collect()
}

fn rate(what: &str, count: usize, elapsed: Duration) {
    println!(
        "{what:<48} {:>10.0} tasks/s  ({count} in {:.2} s)",
        count as f64 / elapsed.as_secs_f64(),
        elapsed.as_secs_f64()
    );
}

/// Waits until no task is left: those that are done are noted as such.
async fn completed(engine: &Engine) {
    use atelier_kit::actor::Actor;
    let subgraph =
        atelier_tasks::subgraph(engine.deps().clone(), atelier_tasks::TasksConfig::default());
    loop {
        let query = "{ tasks(first: 0, where: {queue: \"bench\", status: [QUEUED, RUNNING]}) { totalCount } }";
        let request = async_graphql::Request::new(query).data(Arc::new(Actor::service("bench")));
        let data = subgraph
            .service
            .execute(request)
            .await
            .data
            .into_json()
            .unwrap_or_default();
        if data["tasks"]["totalCount"] == json!(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Enqueues tasks each by itself, many at the same time.
async fn one_by_one(engine: &Engine, tasks: Vec<NewTask>) {
    let tasks = Arc::new(tasks);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (engine, tasks) = (engine.clone(), Arc::clone(&tasks));
            tokio::spawn(async move {
                for task in tasks.iter().skip(caller).step_by(CALLERS) {
                    let enqueued = engine.enqueue(std::slice::from_ref(task)).await;
                    enqueued.expect("the task is taken up");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("the caller does not panic");
    }
}

#[tokio::main]
async fn main() {
    let (count, workers, concurrency) = (argument(1, 20_000), argument(2, 2), argument(3, 200));
    let test = atelier_testing::deps(NAME, &MIGRATIONS).await;
    let deps = Deps {
        clock: Arc::new(SystemClock),
        ..test.deps.clone()
    };
    let engine = Engine::new(deps, EngineConfig::default());

    let batch = tasks(&engine, count);
    let started = Instant::now();
    engine
        .enqueue(&batch)
        .await
        .expect("the tasks are taken up");
    rate("enqueue in batches of 1000", count, started.elapsed());

    let single = (count / 10).max(1);
    let idle = tasks(&engine, single).into_iter();
    let idle = idle.map(|task| NewTask {
        queue: "idle".to_owned(),
        ..task
    });
    let started = Instant::now();
    one_by_one(&engine, idle.collect()).await;
    rate(
        &format!("the same one by one, {CALLERS} at a time, no workers"),
        single,
        started.elapsed(),
    );

    let done = Arc::new(Semaphore::new(0));
    let stop = CancellationToken::new();
    let running: Vec<_> = (0..workers)
        .map(|_| {
            let handler: Arc<dyn Handler> = Arc::new(Noop {
                done: Arc::clone(&done),
            });
            let config = WorkerConfig {
                concurrency,
                ..WorkerConfig::default()
            };
            tokio::spawn(Worker::run(
                engine.clone(),
                vec![handler],
                config,
                stop.clone(),
            ))
        })
        .collect();
    let all = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let started = Instant::now();
    done.acquire_many(all(count))
        .await
        .expect("the semaphore stays open")
        .forget();
    completed(&engine).await;
    rate(
        &format!("lease, run, complete ({workers} workers of {concurrency})"),
        count,
        started.elapsed(),
    );

    let batch = tasks(&engine, count);
    let started = Instant::now();
    for chunk in batch.chunks(1000) {
        engine.enqueue(chunk).await.expect("the tasks are taken up");
    }
    done.acquire_many(all(count))
        .await
        .expect("the semaphore stays open")
        .forget();
    completed(&engine).await;
    rate(
        "enqueue to complete, batches of 1000",
        count,
        started.elapsed(),
    );

    let started = Instant::now();
    one_by_one(&engine, tasks(&engine, single)).await;
    rate(
        &format!("enqueue one by one, {CALLERS} at a time"),
        single,
        started.elapsed(),
    );
    done.acquire_many(all(single))
        .await
        .expect("the semaphore stays open")
        .forget();
    completed(&engine).await;
    rate("enqueue to complete, one by one", single, started.elapsed());

    let batch = tasks(&engine, single);
    let deps = engine.deps().clone();
    deps.transaction(async |tx| {
        for task in &batch {
            tx.enqueue(task.clone());
        }
        Ok::<_, Error>(())
    })
    .await
    .expect("the requests are written");
    Relay::new(deps.clone())
        .drain()
        .await
        .expect("the requests are published");
    let started = Instant::now();
    let supervisor = Supervisor::new(stop.clone());
    atelier_tasks::subgraph(deps, atelier_tasks::TasksConfig::default())
        .start(&[NAME.to_owned()], &supervisor);
    done.acquire_many(all(single))
        .await
        .expect("the semaphore stays open")
        .forget();
    completed(&engine).await;
    rate(
        "asked for by events, to complete",
        single,
        started.elapsed(),
    );

    stop.cancel();
    supervisor.finished().await;
    for worker in running {
        worker.await.expect("the worker does not panic");
    }
}
