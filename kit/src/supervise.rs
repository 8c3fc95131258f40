//! Background work, which runs for as long as the process does. Work that dies is restarted; work
//! that keeps dying makes the process unready, so that it is replaced.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::error::Error;

/// The pause before work that died is restarted; it doubles each time.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The number of deaths in a row after which the process is no longer ready.
const DEATHS: u32 = 5;
/// Work that has run for this long has recovered.
const RECOVERED: Duration = Duration::from_secs(60);

/// Keeps the background work of a process running; cheap to clone.
#[derive(Clone, Default)]
pub struct Supervisor {
    stop: CancellationToken,
    running: TaskTracker,
    /// How many times in a row each piece of work has died, by its name.
    deaths: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Supervisor {
    /// Creates a supervisor that keeps work running until `stop`.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }

    /// Runs `work` until the process stops, and restarts it if it panics or ends before. `work`
    /// gets the token that says when to stop.
    pub fn keep<F>(
        &self,
        name: String,
        work: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let supervisor = self.clone();
        self.running.spawn(async move {
            let mut dead = 0;
            while !supervisor.stop.is_cancelled() {
                let born = Instant::now();
                let work = AssertUnwindSafe(work(supervisor.stop.clone())).catch_unwind();
                let how = match supervisor.watch(&name, work).await {
                    Ok(()) if supervisor.stop.is_cancelled() => return,
                    Ok(()) => "it ended".to_owned(),
                    Err(panic) => told(&*panic),
                };
                dead = if born.elapsed() > RECOVERED {
                    1
                } else {
                    dead + 1
                };
                supervisor.died(&name, dead, &how);
                supervisor.pause(dead).await;
            }
        });
    }

    /// Runs `work` periodically, each time `period` after its last run has ended. Errors and panics
    /// are logged, and the next run follows as usual; a panic also counts as a death.
    pub fn every<F>(
        &self,
        period: Duration,
        name: String,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let supervisor = self.clone();
        self.running.spawn(async move {
            let mut dead = 0;
            loop {
                match AssertUnwindSafe(work()).catch_unwind().await {
                    Ok(done) => {
                        dead = 0;
                        supervisor.deaths.lock().remove(&name);
                        if let Err(error) = done {
                            metrics::counter!("background_failures_total", "work" => name.clone()).increment(1);
                            tracing::warn!(target: "background", work = name, code = error.code().spec().name, cause = error.cause_chain(), "background work failed; it is tried again later");
                        }
                    }
                    Err(panic) => {
                        dead += 1;
                        supervisor.died(&name, dead, &told(&*panic));
                    }
                }
                let waited = tokio::time::sleep(period);
                if supervisor.stop.run_until_cancelled(waited).await.is_none() {
                    return;
                }
            }
        });
    }

    /// Checks that all work is alive.
    ///
    /// # Errors
    /// Names the work that keeps dying.
    pub fn check(&self) -> Result<(), String> {
        let deaths = self.deaths.lock();
        let dead: Vec<&str> = deaths
            .iter()
            .filter(|(_, times)| **times >= DEATHS)
            .map(|(name, _)| name.as_str())
            .collect();
        if dead.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "background work dies again and again: {}",
                dead.join(", ")
            ))
        }
    }

    /// Returns the token that says when the process is to stop.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Completes when all work has ended, soon after the process is told to stop.
    pub async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Awaits `work`, and resets its count of deaths once it has run for a while.
    async fn watch<T>(&self, name: &str, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            ended = &mut work => return ended,
            () = tokio::time::sleep(RECOVERED) => {}
        }
        self.deaths.lock().remove(name);
        work.await
    }

    fn died(&self, name: &str, times: u32, how: &str) {
        metrics::counter!("background_deaths_total", "work" => name.to_owned()).increment(1);
        tracing::error!(target: "background", work = name, times, how, "background work died; it is started again");
        self.deaths.lock().insert(name.to_owned(), times);
    }

    /// Waits before work is restarted.
    async fn pause(&self, dead: u32) {
        let pause = (PAUSE * 2_u32.saturating_pow(dead - 1)).min(LONGEST_PAUSE);
        let _ = self
            .stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await;
    }
}

fn told(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_dies_is_started_again_and_the_process_stays_ready() {
        let supervisor = Supervisor::default();
        let (lives, alive) = (
            Arc::new(AtomicU32::new(0)),
            Arc::new(tokio::sync::Notify::new()),
        );
        let (counted, told) = (Arc::clone(&lives), Arc::clone(&alive));
        supervisor.keep("relay".to_owned(), move |stop| {
            let life = counted.fetch_add(1, Ordering::SeqCst);
            let told = Arc::clone(&told);
            async move {
                assert!(life > 1, "the first two lives end in a panic");
                told.notify_one();
                stop.cancelled().await;
            }
        });
        alive.notified().await;
        assert_eq!(lives.load(Ordering::SeqCst), 3);
        assert_eq!(supervisor.check(), Ok(()));
        supervisor.stop().cancel();
        supervisor.finished().await;
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_dies_again_and_again_makes_the_process_unready() {
        let supervisor = Supervisor::default();
        supervisor.keep("accounts.sweep".to_owned(), |_| async {});
        while supervisor.check().is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let told = supervisor.check().unwrap_err();
        assert!(told.contains("accounts.sweep"), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_has_recovered_is_forgiven() {
        let supervisor = Supervisor::default();
        let times = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&times);
        supervisor.every(Duration::from_secs(1), "sweep".to_owned(), move || {
            let time = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(time >= DEATHS, "it panics at first");
                Ok(())
            }
        });
        while supervisor.check().is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while supervisor.check().is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(times.load(Ordering::SeqCst) > DEATHS);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_no_death() {
        let supervisor = Supervisor::default();
        let times = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&times);
        supervisor.every(Duration::from_secs(1), "sweep".to_owned(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err(Error::internal("the database is away")) }
        });
        while times.load(Ordering::SeqCst) < 2 * DEATHS {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(supervisor.check(), Ok(()));
    }
}
