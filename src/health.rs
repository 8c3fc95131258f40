//! What must answer for a process to be ready.

use std::sync::Arc;

use atelier_kit::{
    actor::{KeyFolder, ROUTER},
    db::Database,
    health::Health,
    redis::Redis,
    supervise::Supervisor,
};

use crate::{domains::Shared, identity::Verifier};

/// Checks of a router: without its key it can prove nobody; without accounts or Redis it still answers
/// what needs no caller, and notices changes late.
pub fn of_router(keys: KeyFolder, verifier: Arc<Verifier>, redis: Redis) -> Health {
    Health::new()
        .required("keys", move || {
            let found = keys.require(&[ROUTER]).map_err(|error| error.to_string());
            async move { found }
        })
        .optional("accounts", move || {
            let verifier = Arc::clone(&verifier);
            async move { verifier.reach().await }
        })
        .optional("redis", move || {
            let redis = redis.clone();
            async move { redis.ping().await.map(drop) }
        })
}

/// Adds the check that callers can be believed here.
pub fn with_trust(health: Health, keys: KeyFolder) -> Health {
    health.required("keys", move || {
        let found = keys.require_trusted().map_err(|error| error.to_string());
        async move { found }
    })
}

/// Checks of these databases, Redis and the object store, and that background work is alive.
pub fn checks(databases: Vec<Database>, shared: &Shared, supervisor: &Supervisor) -> Health {
    let databases = Arc::new(databases);
    let (redis, storage) = (shared.redis.clone(), shared.storage.clone());
    let supervisor = supervisor.clone();
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
        .required("background", move || std::future::ready(supervisor.check()))
        .optional("object_store", move || {
            let storage = storage.clone();
            async move { storage.check().await }
        })
}
