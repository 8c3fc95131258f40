//! Workers in our own processes: lease in batches, run handlers, heartbeat, complete in batches.
//!
//! A worker that dies loses nothing: its leases run out and others take over. One that is told to
//! stop finishes what it has, and gives back what it cannot finish in time.

mod completer;
mod job;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use atelier_contracts::tasks;
use atelier_kit::{
    config::{Check, Count, Problem, Seconds, Span},
    error::Error,
    id::{Id, Task},
    jobs::Handler,
    section,
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    db::worker::WorkerRow,
    engine::{Engine, Leased, Outcome, Registration, WakeUp, WakeUps, Wanted},
};
use job::Job;

section! {
    /// How a worker of this binary works.
    #[derive(Debug, Clone)]
    pub struct WorkerConfig in "worker" {
        /// Tasks it works on at the same time.
        pub concurrency: usize as Count = "2",
        /// How long its leases hold without a heartbeat: after its sudden death, tasks wait so long.
        pub lease: Duration as Seconds = "30s",
        /// How often it looks for tasks when nobody wakes it.
        pub poll: Duration as Span = "500ms",
        /// The longest that one attempt may take.
        pub time_limit: Duration as Span = "1h",
        /// How long tasks may go on after the worker was told to stop.
        pub drain: Duration as Span = "20s",
    }
    given {
        /// A name for people, in the list of workers.
        pub name: String,
        /// The queues it works on; empty means the queues of its handlers.
        pub queues: Vec<String>,
        /// What it has that tasks may require: `{"gpu": "1"}`.
        pub capabilities: BTreeMap<String, String>,
    }
}

impl Default for WorkerConfig {
    /// Every key at its default, for the queues of its handlers.
    fn default() -> Self {
        Self::defaults("worker".to_owned(), Vec::new(), BTreeMap::new())
    }
}

impl Check for WorkerConfig {
    fn check(&self) -> Result<(), Problem> {
        Problem::unless(self.concurrency > 0, "concurrency", "at least 1")?;
        Problem::unless(
            (Duration::from_secs(2)..=Duration::from_secs(3600)).contains(&self.lease),
            "lease",
            "between 2s and 1h",
        )?;
        Problem::unless(
            self.poll >= Duration::from_millis(10),
            "poll",
            "at least 10ms",
        )?;
        Problem::unless(
            !self.time_limit.is_zero(),
            "time_limit",
            "longer than nothing",
        )
    }
}

/// After the time to drain, tasks are told to stop and have so long to listen.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Pause after the database did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Does tasks.
pub struct Worker {
    engine: Engine,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    config: WorkerConfig,
    wanted: Wanted,
    slots: Arc<Semaphore>,
    /// What it holds, by lease, until the end is noted.
    held: Arc<Mutex<HashMap<Uuid, Arc<Job>>>>,
}

impl Worker {
    /// Works until `stop`, then drains. Dropping the future is sudden death: whatever it was at is
    /// left to the rescuer.
    pub async fn run(
        engine: Engine,
        handlers: Vec<Arc<dyn Handler>>,
        config: WorkerConfig,
        stop: CancellationToken,
    ) {
        let Some(mut worker) = Self::new(engine, handlers, config) else {
            stop.cancelled().await;
            return;
        };
        let Some(registered) = worker.register(&stop).await else {
            return;
        };
        worker.wanted.worker = Some(registered.id);
        worker.work(stop).await;
        let _ = worker.engine.drain(registered.id).await;
    }

    /// `None` if there is nothing that it could do.
    fn new(engine: Engine, handlers: Vec<Arc<dyn Handler>>, config: WorkerConfig) -> Option<Self> {
        let in_queues = |handler: &Arc<dyn Handler>| {
            config.queues.is_empty() || config.queues.iter().any(|queue| queue == handler.queue())
        };
        let handlers: HashMap<_, _> = handlers
            .into_iter()
            .filter(in_queues)
            .map(|handler| (handler.task_type(), handler))
            .collect();
        if handlers.is_empty() {
            return None;
        }
        let mut queues: Vec<String> = handlers
            .values()
            .map(|handler| handler.queue().to_owned())
            .collect();
        queues.sort_unstable();
        queues.dedup();
        let wanted = Wanted {
            queues,
            types: Some(handlers.keys().map(|name| (*name).to_owned()).collect()),
            capabilities: json!(config.capabilities),
            max: 0,
            lease: config.lease,
            worker: None,
            owner: None,
        };
        let slots = Arc::new(Semaphore::new(config.concurrency.max(1)));
        Some(Self {
            engine,
            handlers,
            config,
            wanted,
            slots,
            held: Arc::default(),
        })
    }

    async fn register(&self, stop: &CancellationToken) -> Option<WorkerRow> {
        loop {
            let registration = Registration {
                name: self.config.name.clone(),
                owner: None,
                access_token: None,
                queues: self.wanted.queues.clone(),
                types: self.wanted.types.clone().unwrap_or_default(),
                capabilities: self.config.capabilities.clone(),
                concurrency: i32::try_from(self.config.concurrency).unwrap_or(i32::MAX),
            };
            match stop
                .run_until_cancelled(self.engine.register(registration))
                .await?
            {
                Ok(registered) => return Some(registered),
                Err(error) => {
                    tracing::warn!(target: "tasks", cause = error.cause_chain(), "a worker waits for the database");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await?;
                }
            }
        }
    }

    async fn work(&self, stop: CancellationToken) {
        let (ends, ended) = mpsc::channel(self.config.concurrency.max(1) * 2);
        // Aborted when this future is dropped: nothing of a dead worker goes on.
        let mut services = JoinSet::new();
        services.spawn(completer::complete(
            self.engine.clone(),
            Arc::clone(&self.held),
            ended,
        ));
        let beats = CancellationToken::new();
        let heart = heartbeats(
            self.engine.clone(),
            Arc::clone(&self.held),
            self.config.lease,
            self.wanted.worker,
        );
        let stop_beating = beats.clone();
        services.spawn(async move {
            stop_beating.run_until_cancelled(heart).await;
        });
        let mut jobs = JoinSet::new();
        self.lease_and_run(&mut jobs, &ends, &stop).await;
        self.drain(&mut jobs).await;
        // The completer ends when nobody can hand it anything any more.
        drop(ends);
        beats.cancel();
        while services.join_next().await.is_some() {}
    }

    async fn lease_and_run(
        &self,
        jobs: &mut JoinSet<()>,
        ends: &mpsc::Sender<(Uuid, Outcome)>,
        stop: &CancellationToken,
    ) {
        let mut wake_ups = self.engine.wake_ups(&self.wanted.queues);
        while !stop.is_cancelled() {
            while jobs.try_join_next().is_some() {}
            let free = self.slots.available_permits();
            let leased = if free == 0 {
                Ok(Vec::new())
            } else {
                self.engine
                    .lease(&Wanted {
                        max: free,
                        ..self.wanted.clone()
                    })
                    .await
            };
            match leased {
                Ok(leased) if leased.is_empty() => self.wait(&mut wake_ups, free, stop).await,
                Ok(leased) => {
                    for task in leased {
                        self.start(task, jobs, ends.clone());
                    }
                }
                Err(error) => {
                    tracing::warn!(target: "tasks", cause = error.cause_chain(), "no tasks could be leased");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
            }
        }
    }

    /// Waits until there may be something to lease, and room for it.
    async fn wait(&self, wake_ups: &mut WakeUps, free: usize, stop: &CancellationToken) {
        let poll_at = Instant::now() + self.config.poll;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(poll_at), if free > 0 => return,
                // Only to learn that a slot is free again: the job takes its own permit.
                permit = self.slots.acquire(), if free == 0 => { drop(permit); return }
                woken = wake_ups.next() => match woken {
                    WakeUp::Work if free > 0 => return,
                    WakeUp::Work => {}
                    WakeUp::Cancel(tasks) => self.look_at_cancelled(&tasks).await,
                },
            }
        }
    }

    async fn look_at_cancelled(&self, tasks: &[Id<Task>]) {
        let concerned: Vec<Uuid> = {
            let held = self.held.lock();
            held.iter()
                .filter(|(_, job)| tasks.is_empty() || tasks.contains(&job.task_id()))
                .map(|(lease, _)| *lease)
                .collect()
        };
        if !concerned.is_empty()
            && let Err(error) = beat(&self.engine, &self.held, concerned, self.config.lease).await
        {
            tracing::debug!(
                cause = error.cause_chain(),
                "the next heartbeat will tell of cancellations"
            );
        }
    }

    fn start(&self, task: Leased, jobs: &mut JoinSet<()>, ends: mpsc::Sender<(Uuid, Outcome)>) {
        let Some(handler) = self.handlers.get(task.task_type.as_str()).cloned() else {
            return;
        };
        let lease = task.lease_id;
        let job = Arc::new(Job::new(self.engine.clone(), task));
        self.held.lock().insert(lease, Arc::clone(&job));
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        let limit = self.config.time_limit;
        jobs.spawn(async move {
            let outcome = job::run(Arc::clone(&job), handler, limit).await;
            drop(permit);
            if let Some(outcome) = outcome {
                let _ = ends.send((lease, outcome)).await;
            }
        });
    }

    async fn drain(&self, jobs: &mut JoinSet<()>) {
        let finish = async { while jobs.join_next().await.is_some() {} };
        if tokio::time::timeout(self.config.drain, finish)
            .await
            .is_err()
        {
            for job in self.held.lock().values() {
                job.stop();
            }
            let finish = async { while jobs.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(STOP_WITHIN, finish).await;
        }
        jobs.shutdown().await;
        let left: Vec<Uuid> = self
            .held
            .lock()
            .iter()
            .filter(|(_, job)| !job.has_ended())
            .map(|(lease, _)| *lease)
            .collect();
        match self.engine.release(&left).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(target: "tasks", count, "unfinished tasks were given back"),
            Err(error) => {
                tracing::warn!(target: "tasks", cause = error.cause_chain(), "unfinished tasks wait for their leases to run out")
            }
        }
    }
}

type Held = Arc<Mutex<HashMap<Uuid, Arc<Job>>>>;

async fn heartbeats(
    engine: Engine,
    held: Held,
    lease: Duration,
    worker: Option<Id<tasks::Worker>>,
) {
    let mut ticks = tokio::time::interval((lease / 3).max(Duration::from_millis(20)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let leases: Vec<Uuid> = held.lock().keys().copied().collect();
        let beaten = if leases.is_empty() {
            Ok(())
        } else {
            beat(&engine, &held, leases, lease).await
        };
        let seen = match worker {
            Some(worker) => engine.worker_seen(worker).await.map(drop),
            None => Ok(()),
        };
        if let Err(error) = beaten.and(seen) {
            tracing::warn!(target: "tasks", cause = error.cause_chain(), "a heartbeat failed");
        }
    }
}

/// Extends leases; stops the jobs that are to be cancelled, and abandons those whose lease is lost.
async fn beat(
    engine: &Engine,
    held: &Held,
    leases: Vec<Uuid>,
    lease: Duration,
) -> Result<(), Error> {
    let kept = engine.heartbeat(&leases, lease).await?;
    let mut held = held.lock();
    for lease in leases {
        let Some(job) = held.get(&lease) else {
            continue;
        };
        match kept.iter().find(|kept| kept.lease_id == lease) {
            Some(kept) if kept.cancel_requested => job.cancel(),
            Some(_) => {}
            None => {
                job.lose();
                held.remove(&lease);
            }
        }
    }
    Ok(())
}
