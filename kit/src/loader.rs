//! Per-request loaders on the `dataloader` crate: many fields ask for one row each, the database is
//! asked once.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::Arc,
};

use dataloader::{BatchFn, cached};
use futures::future::BoxFuture;
use parking_lot::Mutex;

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
}

impl Loaders {
    /// The value of `key`, loaded together with all keys that other fields ask for at this moment.
    /// `batch` is called once per request and type of batch.
    ///
    /// # Errors
    /// What the batch failed with; every key of the batch gets the same error.
    pub async fn load<B: Batch>(&self, batch: impl FnOnce() -> B, key: B::Key) -> Loaded<B::Value> {
        let loader = self.loader(batch);
        match loader.try_load(key).await {
            Ok(loaded) => loaded,
            Err(cause) => Err(Error::caused(ErrorCode::Internal, cause)),
        }
    }

    /// Forgets everything loaded: a subscription does so before each event.
    pub fn clear(&self) {
        self.by_type.lock().clear();
    }

    fn loader<B: Batch>(&self, batch: impl FnOnce() -> B) -> Arc<Loader<B>> {
        let mut by_type = self.by_type.lock();
        let entry = by_type.entry(TypeId::of::<B>()).or_insert_with(|| {
            let batch = Arc::new(batch());
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
            Arc::new(Loader::<B>::new(erased).with_max_batch_size(MAX_BATCH))
        });
        Arc::clone(entry)
            .downcast()
            .unwrap_or_else(|_| unreachable!("the map is keyed by type"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Doubles(Arc<AtomicUsize>);

    impl Batch for Doubles {
        type Key = i32;
        type Value = i32;
        async fn load(&self, keys: Vec<i32>) -> Result<HashMap<i32, i32>, Error> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if keys.contains(&13) {
                return Err(Error::new(ErrorCode::Unavailable));
            }
            Ok(keys
                .into_iter()
                .filter(|key| *key >= 0)
                .map(|key| (key, key * 2))
                .collect())
        }
    }

    #[tokio::test]
    async fn keys_asked_for_together_are_loaded_together() {
        let calls = Arc::new(AtomicUsize::new(0));
        let loaders = Loaders::default();
        let batch = || Doubles(Arc::clone(&calls));
        let loads = (-1..100)
            .filter(|key| *key != 13)
            .map(|key| loaders.load(batch, key));
        let loaded: Vec<_> = futures::future::join_all(loads).await;
        assert_eq!(loaded[0].as_ref().unwrap(), &None);
        assert_eq!(loaded[99].as_ref().unwrap(), &Some(198));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        loaders.load(batch, 5).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1, "what was loaded stays");
    }

    #[tokio::test]
    async fn a_failed_batch_fails_its_keys_only() {
        let calls = Arc::new(AtomicUsize::new(0));
        let loaders = Loaders::default();
        let batch = || Doubles(Arc::clone(&calls));
        assert_eq!(
            loaders.load(batch, 13).await.unwrap_err().code(),
            ErrorCode::Unavailable
        );
        assert_eq!(loaders.load(batch, 1).await.unwrap(), Some(2));
    }
}
