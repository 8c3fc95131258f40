//! Per-request loaders on the `dataloader` crate: many fields ask for one row each, the database is
//! asked once.
//!
//! Fields only say which key they want. The request's [`Driver`] sends the gathered keys when every
//! field that can run has run, so that what is asked together does not depend on how busy the
//! machine is.

mod driver;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dataloader::{BatchFn, cached};
use futures::{
    FutureExt,
    channel::oneshot::{self, Sender},
    future::BoxFuture,
};
use parking_lot::Mutex;

pub use driver::{drive, drive_stream};

use crate::error::{Error, ErrorCode};

/// Loads many values at once. A key that is not in the answer does not exist (for this caller).
pub trait Batch: Send + Sync + 'static {
    /// What is asked for.
    type Key: Hash + Eq + Clone + Debug + Send + Sync + 'static;
    /// What is found.
    type Value: Clone + Send + Sync + 'static;

    /// Loads the values of `keys` with as few statements as possible.
    fn load(
        &self,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, Error>> + Send;
}

/// The most keys in one statement.
const MAX_BATCH: usize = 1000;

type Loaded<V> = Result<Option<V>, Error>;
type Loader<B> = cached::Loader<
    <B as Batch>::Key,
    Loaded<<B as Batch>::Value>,
    Erased<<B as Batch>::Key, <B as Batch>::Value>,
>;

/// A batch function with its future boxed, so that the loader's own futures are `Send`.
struct Erased<K, V>(BoxedLoad<K, V>);

type BoxedLoad<K, V> =
    Box<dyn Fn(Vec<K>) -> BoxFuture<'static, HashMap<K, Loaded<V>>> + Send + Sync>;

impl<K: Clone, V> BatchFn<K, Loaded<V>> for Erased<K, V> {
    fn load(&mut self, keys: &[K]) -> impl Future<Output = HashMap<K, Loaded<V>>> {
        (self.0)(keys.to_vec())
    }
}

/// The loaders of one request. What was loaded once stays for the request.
#[derive(Default)]
pub struct Loaders {
    by_type: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Where keys wait to be sent.
    waiting: Mutex<Vec<Arc<dyn Gathered>>>,
    /// Whether somebody sends them.
    driven: AtomicBool,
}

impl Loaders {
    /// The value of `key`, loaded together with all keys that other fields ask for before nothing
    /// else can run. `batch` is called once per request and type of batch.
    ///
    /// Outside of [`drive`] and [`drive_stream`] every key is loaded by itself.
    ///
    /// # Errors
    /// What the batch failed with; every key of the batch gets the same error.
    pub async fn load<B: Batch>(&self, batch: impl FnOnce() -> B, key: B::Key) -> Loaded<B::Value> {
        let gathering = self.gathering(batch);
        let (answer, answered) = oneshot::channel();
        let first = gathering.ask(key, answer);
        if !self.driven.load(Ordering::Relaxed) {
            gathering.send().await;
        } else if first {
            self.waiting.lock().push(gathering);
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Error::internal("a batch was given up")))
    }

    /// Forgets everything loaded: a subscription does so before each event.
    pub fn clear(&self) {
        self.by_type.lock().clear();
    }

    /// Whether keys wait to be sent.
    fn has_waiting(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// A batch for each type that keys wait for.
    fn take_batches(&self) -> impl Iterator<Item = BoxFuture<'static, ()>> + use<> {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().map(Gathered::send)
    }

    fn gathering<B: Batch>(&self, batch: impl FnOnce() -> B) -> Arc<Gathering<B>> {
        let mut by_type = self.by_type.lock();
        let entry = by_type
            .entry(TypeId::of::<B>())
            .or_insert_with(|| Arc::new(Gathering::new(batch())));
        Arc::clone(entry)
            .downcast()
            .unwrap_or_else(|_| unreachable!("the map is keyed by type"))
    }
}

/// What a field wants, and where it waits for it.
type Asked<B> = (<B as Batch>::Key, Sender<Loaded<<B as Batch>::Value>>);

/// Keys of one type that fields have asked for, and what was loaded before.
struct Gathering<B: Batch> {
    loader: Loader<B>,
    asked: Mutex<Vec<Asked<B>>>,
}

impl<B: Batch> Gathering<B> {
    fn new(batch: B) -> Self {
        let batch = Arc::new(batch);
        let erased: Erased<B::Key, B::Value> = Erased(Box::new(move |keys: Vec<B::Key>| {
            let batch = Arc::clone(&batch);
            Box::pin(async move {
                match batch.load(keys.clone()).await {
                    Ok(mut found) => keys
                        .into_iter()
                        .map(|key| {
                            let value = found.remove(&key);
                            (key, Ok(value))
                        })
                        .collect(),
                    Err(error) => keys
                        .into_iter()
                        .map(|key| (key, Err(error.clone())))
                        .collect(),
                }
            })
        }));
        // Its own way to gather, by yielding a number of times, is not wanted.
        let loader = Loader::<B>::new(erased)
            .with_max_batch_size(MAX_BATCH)
            .with_yield_count(0);
        Self {
            loader,
            asked: Mutex::default(),
        }
    }

    /// Notes what a field wants; whether it is the first to want something.
    fn ask(&self, key: B::Key, answer: Sender<Loaded<B::Value>>) -> bool {
        let mut asked = self.asked.lock();
        asked.push((key, answer));
        asked.len() == 1
    }

    async fn load(&self, keys: Vec<B::Key>) -> Result<HashMap<B::Key, Loaded<B::Value>>, Error> {
        match AssertUnwindSafe(self.loader.try_load_many(keys))
            .catch_unwind()
            .await
        {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(cause)) => Err(Error::caused(ErrorCode::Internal, cause)),
            Err(_) => Err(Error::internal("a batch panicked")),
        }
    }
}

/// A [`Gathering`] of any type.
trait Gathered: Send + Sync {
    /// Loads everything that is wanted, and answers.
    fn send(self: Arc<Self>) -> BoxFuture<'static, ()>;
}

impl<B: Batch> Gathered for Gathering<B> {
    fn send(self: Arc<Self>) -> BoxFuture<'static, ()> {
        let mut asked = std::mem::take(&mut *self.asked.lock());
        // A field may be given up because another of the same object has failed.
        asked.retain(|(_, answer)| !answer.is_canceled());
        let keys = asked.iter().map(|(key, _)| key.clone()).collect();
        async move {
            let mut loaded = self.load(keys).await;
            let unique = loaded
                .as_ref()
                .is_ok_and(|found| found.len() == asked.len());
            for (key, answer) in asked {
                let value = match &mut loaded {
                    Ok(found) if unique => found.remove(&key),
                    Ok(found) => found.get(&key).cloned(),
                    Err(error) => Some(Err(error.clone())),
                };
                // Whoever is gone by now needs no answer.
                let _ = answer.send(value.unwrap_or(Ok(None)));
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
