//! The two layers of a cache: Redis, and the memory of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use redis::Pipeline;
use tokio_util::task::AbortOnDropHandle;

use crate::redis::{Redis, RedisError, Signal};

use super::Cached;

/// Stored text: `+` and JSON, `-` for "there is none", `!` for "changed a moment ago".
const VALUE: u8 = b'+';
const NONE: &[u8] = b"-";
const CHANGED: &[u8] = b"!";
/// Longer than any load should take, short enough not to hurt.
const CHANGED_TTL: Duration = Duration::from_secs(5);
/// Longest wait for Redis before the loader is asked instead.
const PATIENCE: Duration = Duration::from_millis(250);
/// After a failure Redis is left alone for this long.
const REST: Duration = Duration::from_secs(1);
/// Keys per announcement.
const ANNOUNCED: usize = 500;

/// Result of looking a key up in Redis.
pub(super) enum Looked<V> {
    Found(Option<V>),
    Missing,
    /// There is something, in a shape that this version cannot read.
    Unreadable,
    /// Redis did not answer.
    Unavailable,
}

impl<V> Looked<V> {
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Found(_) => "hit",
            Self::Missing | Self::Unreadable => "miss",
            Self::Unavailable => "unavailable",
        }
    }
}

pub(super) struct Remote {
    redis: Redis,
    name: String,
    ttl: Duration,
    negative_ttl: Duration,
    resting_until: Mutex<Option<Instant>>,
}

impl Remote {
    pub(super) fn new(redis: Redis, name: String, ttl: Duration, negative_ttl: Duration) -> Self {
        Self {
            redis,
            name,
            ttl,
            negative_ttl: negative_ttl.min(ttl),
            resting_until: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn key(&self, key: &str) -> String {
        self.redis.key(format_args!("cache:{}:{key}", self.name))
    }

    pub(super) async fn get<V: Cached>(&self, key: &str) -> Looked<V> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(key));
        let asked = self.redis.query_once::<Option<Vec<u8>>>(&command);
        match self.bounded(asked).await {
            Some(stored) => read(stored.as_deref()),
            None => Looked::Unavailable,
        }
    }

    pub(super) async fn get_many<V: Cached>(&self, keys: &[String]) -> Vec<Looked<V>> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(self.key(key));
        }
        let asked = self.redis.query_once::<Vec<Option<Vec<u8>>>>(&command);
        match self.bounded(asked).await {
            Some(stored) => stored.iter().map(|s| read(s.as_deref())).collect(),
            None => keys.iter().map(|_| Looked::Unavailable).collect(),
        }
    }

    /// Stores what was loaded, unless the key was written or invalidated since it was looked up.
    pub(super) async fn fill<V: Cached>(&self, key: &str, value: Option<&V>, seen: &Looked<V>) {
        self.fill_many(&[(key, value, seen)]).await;
    }

    pub(super) async fn fill_many<V: Cached>(&self, fills: &[(&str, Option<&V>, &Looked<V>)]) {
        let mut pipeline = redis::pipe();
        for (key, value, seen) in fills {
            match seen {
                Looked::Found(_) | Looked::Unavailable => {}
                Looked::Missing => self.set(&mut pipeline, key, *value, true),
                Looked::Unreadable => self.set(&mut pipeline, key, *value, false),
            }
        }
        self.send(&pipeline).await;
    }

    /// Overwrites a key; with `tell`, the other processes drop it from their memory.
    pub(super) async fn put<V: Cached>(&self, key: &str, value: &V, tell: bool) {
        let mut pipeline = redis::pipe();
        self.set(&mut pipeline, key, Some(value), false);
        if tell {
            self.announce(&mut pipeline, &[key]);
        }
        self.insist(&pipeline).await;
    }

    /// Marks keys as changed; with `tell`, the other processes drop them from their memory.
    pub(super) async fn invalidate(&self, keys: &[&str], tell: bool) {
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("SET").arg(self.key(key)).arg(CHANGED);
            pipeline.arg("PX").arg(millis(CHANGED_TTL)).ignore();
        }
        if tell {
            self.announce(&mut pipeline, keys);
        }
        self.insist(&pipeline).await;
    }

    fn announce(&self, pipeline: &mut Pipeline, keys: &[&str]) {
        for keys in keys.chunks(ANNOUNCED) {
            if let Ok(payload) = serde_json::to_vec(keys) {
                let channel = self.redis.key(channel(&self.name));
                pipeline.cmd("PUBLISH").arg(channel).arg(payload).ignore();
            }
        }
    }

    /// Sends what should not get lost: a stale entry would outlive the outage. Waits out a
    /// restart of the server, but not an outage that is known already.
    async fn insist(&self, pipeline: &Pipeline) {
        if pipeline.is_empty() {
            return;
        }
        if self.is_resting() {
            let mut connection = self.redis.commands();
            let tried = tokio::time::timeout(PATIENCE, pipeline.query_async(&mut connection)).await;
            if let Ok(Ok(())) = tried {
                return;
            }
            tracing::warn!(cache = %self.name, "cache invalidation failed");
        } else if let Err(error) = self.redis.pipeline::<()>(pipeline).await {
            tracing::warn!(error = %error, cache = %self.name, "cache invalidation failed");
        } else {
            return;
        }
        self.rest();
    }

    fn set<V: Cached>(&self, pipeline: &mut Pipeline, key: &str, value: Option<&V>, if_new: bool) {
        let (stored, ttl) = match value {
            None => (NONE.to_vec(), self.negative_ttl),
            Some(value) => {
                let mut stored = vec![VALUE];
                if let Err(error) = serde_json::to_writer(&mut stored, value) {
                    tracing::error!(error = %error, cache = %self.name, "value cannot be cached");
                    return;
                }
                (stored, self.ttl)
            }
        };
        let jittered = ttl.mul_f64(rand::rng().random_range(0.9..=1.0));
        pipeline.cmd("SET").arg(self.key(key)).arg(stored);
        pipeline.arg("PX").arg(millis(jittered).max(1));
        if if_new {
            pipeline.arg("NX");
        }
        pipeline.ignore();
    }

    async fn send(&self, pipeline: &Pipeline) {
        if !pipeline.is_empty() {
            let mut connection = self.redis.commands();
            self.bounded(pipeline.query_async::<()>(&mut connection))
                .await;
        }
    }

    /// The answer, or `None` when Redis fails, is slow, or failed a moment ago.
    async fn bounded<T>(&self, ask: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        if self.is_resting() {
            return None;
        }
        match tokio::time::timeout(PATIENCE, ask).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(error = %error, cache = %self.name, "cache unavailable");
            }
            Err(_) => tracing::debug!(cache = %self.name, "cache too slow"),
        }
        self.rest();
        None
    }

    fn is_resting(&self) -> bool {
        let until = *self.resting_until.lock();
        until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        *self.resting_until.lock() = Some(Instant::now() + REST);
    }
}

fn read<V: Cached>(stored: Option<&[u8]>) -> Looked<V> {
    match stored {
        None | Some(CHANGED) => Looked::Missing,
        Some(NONE) => Looked::Found(None),
        Some([VALUE, json @ ..]) => match serde_json::from_slice(json) {
            Ok(value) => Looked::Found(Some(value)),
            Err(_) => Looked::Unreadable,
        },
        Some(_) => Looked::Unreadable,
    }
}

fn channel(name: &str) -> String {
    format!("cache:{name}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Entries in the memory of this process.
pub(super) struct Local<V: Cached> {
    entries: moka::future::Cache<String, Option<V>>,
    /// Counts invalidations, so that a load that began before one does not store its result.
    epoch: Arc<AtomicU64>,
    _listener: AbortOnDropHandle<()>,
}

impl<V: Cached> Local<V> {
    pub(super) fn start(redis: &Redis, name: &str, capacity: u64, ttl: Duration) -> Self {
        let entries = moka::future::Cache::builder()
            .max_capacity(capacity)
            .time_to_live(ttl)
            .build();
        let epoch = Arc::new(AtomicU64::new(0));
        let mut signals = redis.subscribe(&channel(name));
        let (kept, counter) = (entries.clone(), epoch.clone());
        let listener = tokio::spawn(async move {
            while let Some(signal) = signals.recv().await {
                counter.fetch_add(1, Ordering::AcqRel);
                match signal {
                    Signal::Message(payload) => {
                        let keys: Vec<String> =
                            serde_json::from_slice(&payload).unwrap_or_default();
                        for key in &keys {
                            kept.invalidate(key).await;
                        }
                    }
                    // Announcements may have been missed.
                    Signal::Subscribed | Signal::Missed | Signal::Lost => kept.invalidate_all(),
                }
            }
        });
        Self {
            entries,
            epoch,
            _listener: AbortOnDropHandle::new(listener),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) async fn get(&self, key: &str) -> Option<Option<V>> {
        self.entries.get(key).await
    }

    pub(super) async fn put(&self, key: &str, value: Option<V>, epoch: u64) {
        if self.epoch() == epoch {
            self.entries.insert(key.to_owned(), value).await;
            // An invalidation between the check and the insertion found nothing to remove.
            if self.epoch() != epoch {
                self.entries.invalidate(key).await;
            }
        }
    }

    pub(super) async fn forget(&self, keys: &[&str]) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for key in keys {
            self.entries.invalidate(*key).await;
        }
    }
}
