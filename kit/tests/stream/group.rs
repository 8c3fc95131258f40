//! A consumer group as tests see it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atelier_kit::redis::{Redis, cmd};
use atelier_kit::stream::{ConsumerConfig, HandlerError, StreamEntry, consume};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, number};

pub(crate) fn config(consumer: &str) -> ConsumerConfig {
    let mut config = ConsumerConfig::new("s", "g", consumer);
    config.backoff = Duration::from_millis(5);
    config.backoff_max = Duration::from_millis(20);
    config.block = Duration::from_millis(100);
    config.claim_after = Duration::from_millis(500);
    config.max_tries = 4;
    config
}

/// A running consumer that notes what it has been given.
pub(crate) struct Group {
    pub(crate) handled: Arc<Mutex<HashMap<u64, u64>>>,
    pub(crate) order: Arc<Mutex<Vec<u64>>>,
    pub(crate) progress: Arc<Notify>,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Group {
    pub(crate) fn start<D>(redis: &Redis, config: ConsumerConfig, decide: D) -> Self
    where
        D: Fn(u64) -> Result<(), HandlerError> + Send + Sync + 'static,
    {
        let handled = Arc::new(Mutex::new(HashMap::new()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::new(Notify::new());
        let cancel = CancellationToken::new();
        let handler = {
            let (handled, order, progress) = (handled.clone(), order.clone(), progress.clone());
            move |entry: StreamEntry| {
                let number = number(&entry);
                *handled.lock().entry(number).or_insert(0) += 1;
                let decided = decide(number);
                if decided.is_ok() {
                    order.lock().push(number);
                }
                progress.notify_waiters();
                std::future::ready(decided)
            }
        };
        let task = tokio::spawn(consume(redis.clone(), config, handler, cancel.clone()));
        Self {
            handled,
            order,
            progress,
            cancel,
            task,
        }
    }

    pub(crate) async fn until(&self, done: impl Fn(&HashMap<u64, u64>) -> bool) {
        let waiting = async {
            loop {
                let notified = self.progress.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if done(&self.handled.lock()) {
                    break;
                }
                notified.await;
            }
        };
        timeout(DEADLINE, waiting).await.expect("handled in time");
    }

    pub(crate) async fn until_handled(&self, count: u64) {
        self.until(|handled| (0..count).all(|number| handled.contains_key(&number)))
            .await;
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

/// Entries given out but not acknowledged.
pub(crate) async fn pending(redis: &Redis) -> u64 {
    let mut command = cmd("XPENDING");
    command.arg(redis.key("s")).arg("g");
    let summary: Vec<redis::Value> = redis.query(&command).await.unwrap();
    redis::FromRedisValue::from_redis_value_ref(&summary[0]).unwrap()
}

pub(crate) async fn until_nothing_is_pending(redis: &Redis) {
    let waiting = async { while pending(redis).await > 0 {} };
    timeout(DEADLINE, waiting).await.unwrap();
}

/// Names of the group's members.
pub(crate) async fn members(redis: &Redis) -> Vec<String> {
    let mut command = cmd("XINFO");
    command.arg("CONSUMERS").arg(redis.key("s")).arg("g");
    let reply: redis::streams::StreamInfoConsumersReply = redis.query(&command).await.unwrap();
    reply.consumers.into_iter().map(|m| m.name).collect()
}

pub(crate) async fn dead(redis: &Redis) -> Vec<HashMap<String, String>> {
    let mut command = cmd("XRANGE");
    command.arg(redis.key("s:dead")).arg("-").arg("+");
    let entries: Vec<(String, HashMap<String, String>)> = redis.query(&command).await.unwrap();
    entries.into_iter().map(|(_, fields)| fields).collect()
}
