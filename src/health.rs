//! What must answer for a process to be ready.

use std::sync::Arc;

use atelier_kit::{db::Database, health::Health};

use crate::domains::Shared;

/// Checks of these databases, Redis and the object store.
pub fn checks(databases: Vec<Database>, shared: &Shared) -> Health {
    let databases = Arc::new(databases);
    let (redis, storage) = (shared.redis.clone(), shared.storage.clone());
    Health::new()
        .required("postgresql", move || {
            let databases = Arc::clone(&databases);
            async move {
                let pings = databases.iter().map(|database| async {
                    database
                        .ping()
                        .await
                        .map_err(|error| error.cause_chain().unwrap_or_else(|| error.to_string()))
                });
                futures::future::try_join_all(pings).await.map(drop)
            }
        })
        .required("redis", move || {
            let redis = redis.clone();
            async move { redis.ping().await.map(drop) }
        })
        .optional("object_store", move || {
            let storage = storage.clone();
            async move { storage.check().await }
        })
}
