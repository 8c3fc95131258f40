//! A typed cache on Redis: what is expensive to ask for and cheap to be wrong about for a moment.
//!
//! ```no_run
//! # async fn example(redis: atelier_kit::redis::Redis) -> Result<(), std::io::Error> {
//! use std::time::Duration;
//! use atelier_kit::cache::Cache;
//!
//! let names: Cache<String> = Cache::builder(redis, "accounts:name", Duration::from_secs(300))
//!     .negative_ttl(Duration::from_secs(30))
//!     .local(10_000, Duration::from_secs(5))
//!     .build();
//! let name = names
//!     .get_or_load("usr_1", || async { Ok::<_, std::io::Error>(Some("Ada".to_owned())) })
//!     .await?;
//! # let _ = name;
//! # Ok(())
//! # }
//! ```
//!
//! * Absence is cached too, for a shorter time.
//! * Lifetimes vary by up to 10 %, so that entries made together do not expire together.
//! * In one process only one caller loads a key; the others wait for its answer.
//! * [`Cache::invalidate`] leaves a short-lived marker behind, so that a load that began before
//!   the change cannot put the old value back.
//! * When Redis is down every call goes to the loader: the cache is never the reason of an error.

mod flight;
mod layer;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::redis::Redis;
use crate::telemetry::catalog;

use flight::{Flights, Role};
use layer::{Local, Looked, Remote};

/// Time to live of "there is none" unless chosen otherwise.
const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// What a cached type must be able to do.
pub trait Cached: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}
impl<V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Cached for V {}

/// A cache of values of one kind by key; cheap to clone.
#[derive(Clone)]
pub struct Cache<V: Cached> {
    inner: Arc<Inner<V>>,
}

struct Inner<V: Cached> {
    remote: Remote,
    local: Option<Local<V>>,
    flights: Flights<V>,
}

/// Choices of a [`Cache`] beyond its name and lifetime.
#[must_use]
pub struct CacheBuilder<V> {
    redis: Redis,
    name: String,
    ttl: Duration,
    negative_ttl: Duration,
    local: Option<(u64, Duration)>,
    value: PhantomData<fn() -> V>,
}

impl<V: Cached> CacheBuilder<V> {
    /// How long "there is none" is believed. Default: 30 s, at most the lifetime of values.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = ttl;
        self
    }

    /// Keeps up to `entries` in this process for up to `ttl`, on top of Redis.
    ///
    /// Invalidations reach other processes within milliseconds while pub/sub works; `ttl` bounds
    /// how long they can be wrong when it does not, so keep it to seconds.
    pub fn local(mut self, entries: u64, ttl: Duration) -> Self {
        self.local = Some((entries, ttl));
        self
    }

    /// The cache. With [`CacheBuilder::local`] it must be called inside a Tokio runtime.
    pub fn build(self) -> Cache<V> {
        let local = self.local.map(|(entries, ttl)| {
            Local::start(&self.redis, &self.name, entries, ttl.min(self.ttl))
        });
        Cache {
            inner: Arc::new(Inner {
                remote: Remote::new(self.redis, self.name, self.ttl, self.negative_ttl),
                local,
                flights: Flights::default(),
            }),
        }
    }
}

impl<V: Cached> Cache<V> {
    /// A cache in Redis alone, whose entries live for about `ttl`. `name` is unique per kind of
    /// value and becomes part of the keys, for example `accounts:identity`; change it (a version
    /// suffix will do) when the shape of `V` changes incompatibly.
    pub fn new(redis: Redis, name: impl Into<String>, ttl: Duration) -> Self {
        Self::builder(redis, name, ttl).build()
    }

    /// As [`Cache::new`], with choices.
    pub fn builder(redis: Redis, name: impl Into<String>, ttl: Duration) -> CacheBuilder<V> {
        CacheBuilder {
            redis,
            name: name.into(),
            ttl,
            negative_ttl: NEGATIVE_TTL.min(ttl),
            local: None,
            value: PhantomData,
        }
    }

    /// The cached value, or what `load` finds (which is then cached, absence included).
    ///
    /// # Errors
    /// Only what `load` answers; errors are not cached.
    pub async fn get_or_load<E, L, F>(&self, key: &str, load: L) -> Result<Option<V>, E>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Option<V>, E>>,
    {
        if let Some(found) = self.local_get(key).await {
            self.count("local", 1);
            return Ok(found);
        }
        let leader = loop {
            match self.inner.flights.board(key) {
                Role::Leader(leader) => break leader,
                Role::Follower(follower) => {
                    // A leader that failed or was cancelled leaves the work to the next caller.
                    if let Some(value) = follower.landed().await {
                        self.count("shared", 1);
                        return Ok(value);
                    }
                }
            }
        };
        let epoch = self.local_epoch();
        let looked = self.inner.remote.get(key).await;
        let value = match looked {
            Looked::Found(value) => {
                self.count("hit", 1);
                value
            }
            Looked::Missing | Looked::Unreadable | Looked::Unavailable => {
                self.count(looked.label(), 1);
                let value = load().await?;
                self.inner.remote.fill(key, value.as_ref(), &looked).await;
                value
            }
        };
        self.local_put(key, value.clone(), epoch).await;
        leader.land(value.clone());
        Ok(value)
    }

    /// The cached values of several keys; what is missing is asked of `load` in one call, which
    /// answers those it finds. Keys without a value are absent from the result.
    ///
    /// # Errors
    /// Only what `load` answers.
    pub async fn get_many<E, L, F>(&self, keys: &[String], load: L) -> Result<HashMap<String, V>, E>
    where
        L: FnOnce(Vec<String>) -> F,
        F: Future<Output = Result<HashMap<String, V>, E>>,
    {
        let mut found = HashMap::with_capacity(keys.len());
        let mut wanted = Vec::new();
        for key in keys {
            match self.local_get(key).await {
                Some(Some(value)) => drop(found.insert(key.clone(), value)),
                Some(None) => {}
                None if wanted.contains(key) => {}
                None => wanted.push(key.clone()),
            }
        }
        self.count("local", keys.len() - wanted.len());
        if wanted.is_empty() {
            return Ok(found);
        }
        let epoch = self.local_epoch();
        let looked = self.inner.remote.get_many(&wanted).await;
        let mut missing = Vec::new();
        for (key, looked) in wanted.into_iter().zip(looked) {
            self.count(looked.label(), 1);
            match looked {
                Looked::Found(value) => {
                    self.local_put(&key, value.clone(), epoch).await;
                    found.extend(value.map(|value| (key, value)));
                }
                other => missing.push((key, other)),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let mut loaded = load(missing.iter().map(|(key, _)| key.clone()).collect()).await?;
        let fills: Vec<_> = missing
            .iter()
            .map(|(key, looked)| (key.as_str(), loaded.get(key), looked))
            .collect();
        self.inner.remote.fill_many(&fills).await;
        for (key, _) in missing {
            let value = loaded.remove(&key);
            self.local_put(&key, value.clone(), epoch).await;
            found.extend(value.map(|value| (key, value)));
        }
        Ok(found)
    }

    /// Stores a value that is known to be the newest, for example just after writing it.
    pub async fn put(&self, key: &str, value: &V) {
        self.forget_here(&[key]).await;
        let tell = self.inner.local.is_some();
        self.inner.remote.put(key, value, tell).await;
        self.forget_here(&[key]).await;
    }

    /// Forgets a key everywhere. Call it after the change was committed.
    ///
    /// While Redis is down this fails silently (and is logged): what it holds may then be stale
    /// for the rest of its lifetime.
    pub async fn invalidate(&self, key: &str) {
        self.invalidate_many(&[key]).await;
    }

    /// Forgets several keys everywhere, like [`Cache::invalidate`].
    pub async fn invalidate_many(&self, keys: &[&str]) {
        self.forget_here(keys).await;
        let tell = self.inner.local.is_some();
        self.inner.remote.invalidate(keys, tell).await;
        self.forget_here(keys).await;
    }

    /// Done before and after Redis is told: whoever reads in between may still find the old value
    /// there and keep it here.
    async fn forget_here(&self, keys: &[&str]) {
        for key in keys {
            self.inner.flights.forget(key);
        }
        if let Some(local) = &self.inner.local {
            local.forget(keys).await;
        }
    }

    async fn local_get(&self, key: &str) -> Option<Option<V>> {
        self.inner.local.as_ref()?.get(key).await
    }

    fn local_epoch(&self) -> u64 {
        self.inner.local.as_ref().map_or(0, Local::epoch)
    }

    async fn local_put(&self, key: &str, value: Option<V>, epoch: u64) {
        if let Some(local) = &self.inner.local {
            local.put(key, value, epoch).await;
        }
    }

    fn count(&self, outcome: &'static str, times: usize) {
        if times > 0 {
            metrics::counter!(
                catalog::CACHE_REQUESTS,
                "cache" => self.inner.remote.name().to_owned(),
                "outcome" => outcome
            )
            .increment(times as u64);
        }
    }
}
