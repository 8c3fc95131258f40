//! Workers in our own processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::{Error, ErrorCode},
    jobs::{Handler, NewTask, Running, TaskFailure},
};
use atelier_tasks::{Worker, WorkerConfig};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::{World, world};

/// What a test's handler does; every start is counted.
struct Does {
    starts: AtomicUsize,
    started: Notify,
    what: What,
}

enum What {
    Return,
    Panic,
    Refuse,
    /// Waits until it is told to stop.
    WaitForStop,
    /// Never ends.
    Hang,
}

impl Does {
    fn new(what: What) -> Arc<Self> {
        Arc::new(Self {
            starts: AtomicUsize::new(0),
            started: Notify::new(),
            what,
        })
    }

    fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Handler for Does {
    fn task_type(&self) -> &'static str {
        "test.work"
    }

    fn queue(&self) -> &'static str {
        "work"
    }

    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        self.started.notify_one();
        match self.what {
            What::Return => Ok(json!({"n": task.payload()["n"], "attempt": task.attempt()})),
            What::Panic => panic!("as the test wants it"),
            What::Refuse => Err(TaskFailure::GiveUp(Error::with_detail(
                ErrorCode::BadUserInput,
                "No such picture.",
            ))),
            What::WaitForStop => {
                task.stopped().await;
                Err(TaskFailure::Cancelled)
            }
            What::Hang => std::future::pending().await,
        }
    }
}

fn config() -> WorkerConfig {
    let quick = Duration::from_millis(50);
    WorkerConfig {
        concurrency: 8,
        poll: quick,
        drain: quick,
        ..WorkerConfig::default()
    }
}

fn work(
    world: &World,
    handler: &Arc<Does>,
    config: WorkerConfig,
) -> (tokio::task::JoinHandle<()>, CancellationToken) {
    let stop = world.stop().child_token();
    let run = Worker::run(
        world.engine.clone(),
        vec![Arc::clone(handler) as Arc<dyn Handler>],
        config,
        stop.clone(),
    );
    (tokio::spawn(run), stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_what_is_enqueued() {
    let world = world().await;
    let does = Does::new(What::Return);
    let (_worker, _stop) = work(&world, &does, config());
    let tasks: Vec<_> = (0..50).map(|_| world.task(None)).collect();
    world.engine.enqueue(&tasks).await.unwrap();
    for task in &tasks {
        world.reaches(task.id, TaskStatus::Succeeded).await;
    }
    assert_eq!(does.starts(), 50, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_a_dead_worker_is_finished_once_by_another() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let hangs = Does::new(What::Hang);
    let (dies, _stop) = work(&world, &hangs, config());
    hangs.started.notified().await;
    dies.abort();
    let _ = dies.await;
    let does = Does::new(What::Return);
    let (_worker, _stop) = work(&world, &does, config());
    assert_eq!(
        world.status(id).await,
        "RUNNING",
        "the dead worker's lease holds"
    );
    world.advance(31);
    world.engine.rescue().await.unwrap();
    world.reaches(id, TaskStatus::Succeeded).await;
    assert_eq!((hangs.starts(), does.starts()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let world = world().await;
    let does = Does::new(What::Panic);
    let (_worker, _stop) = work(&world, &does, config());
    for _ in 0..2 {
        let id = world
            .enqueue(NewTask {
                max_attempts: 1,
                ..world.task(None)
            })
            .await;
        world.reaches(id, TaskStatus::Failed).await;
    }
    let id = world.enqueue(world.task(None)).await;
    world.reaches(id, TaskStatus::Retrying).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_given_up_tells_why() {
    let world = world().await;
    let does = Does::new(What::Refuse);
    let (_worker, _stop) = work(&world, &does, config());
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    world.reaches(id, TaskStatus::Failed).await;
    let query = "query($id: ID!) { task(id: $id) { error { code message retrying } } }";
    let task = world
        .data(
            &atelier_kit::actor::Actor::user(user, &[]),
            query,
            json!({"id": id}),
        )
        .await;
    assert_eq!(
        task["task"]["error"],
        json!({"code": "BAD_USER_INPUT", "message": "No such picture.", "retrying": false})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_hears_of_a_cancellation() {
    let world = world().await;
    let does = Does::new(What::WaitForStop);
    let (_worker, _stop) = work(
        &world,
        &does,
        WorkerConfig {
            lease: Duration::from_secs(1),
            ..config()
        },
    );
    let id = world.enqueue(world.task(None)).await;
    does.started.notified().await;
    world.engine.cancel(&[id]).await.unwrap();
    world.reaches(id, TaskStatus::Cancelled).await;
    assert_eq!(does.starts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_gives_back_what_it_cannot_finish() {
    let world = world().await;
    for what in [What::WaitForStop, What::Hang] {
        let does = Does::new(what);
        let (worker, stop) = work(&world, &does, config());
        let id = world.enqueue(world.task(None)).await;
        does.started.notified().await;
        stop.cancel();
        worker.await.unwrap();
        assert_eq!(world.status(id).await, "QUEUED");
        let leased = world.lease(1).await;
        assert_eq!(
            (leased[0].id, leased[0].attempt),
            (id, 1),
            "no attempt was lost"
        );
    }
}
