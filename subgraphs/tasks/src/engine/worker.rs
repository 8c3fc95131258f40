//! The registry of workers.

use std::collections::BTreeMap;

use atelier_contracts::tasks::Worker;
use atelier_kit::{
    error::Error,
    id::{AccessToken, Id, User},
};
use serde_json::json;

use super::Engine;
use crate::db::{self, worker::WorkerRow};

/// What a worker says about itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// A name for people.
    pub name: String,
    /// The account whose token it came with.
    pub owner: Option<Id<User>>,
    /// That token.
    pub access_token: Option<Id<AccessToken>>,
    /// The queues it works on.
    pub queues: Vec<String>,
    /// The types it knows; empty for all.
    pub types: Vec<String>,
    /// What it has: `{"gpu": "1"}`.
    pub capabilities: BTreeMap<String, String>,
    /// Tasks it works on at the same time.
    pub concurrency: i32,
}

impl Engine {
    /// Notes a worker.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn register(&self, registration: Registration) -> Result<WorkerRow, Error> {
        self.know_queues(registration.queues.iter().map(String::as_str))
            .await?;
        let now = self.now();
        let worker = WorkerRow {
            id: self.deps().new_id(),
            name: registration.name,
            owner: registration.owner,
            access_token: registration.access_token.map(Id::uuid),
            queues: registration.queues,
            types: registration.types,
            capabilities: json!(registration.capabilities),
            concurrency: registration.concurrency,
            registered_at: now,
            seen_at: now,
            drained_at: None,
        };
        self.deps()
            .statement(async |tx| Ok::<_, Error>(db::worker::upsert(tx, &worker).await?))
            .await?;
        Ok(worker)
    }

    /// Notes that a worker was heard of; `None` if it is not registered (any more).
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn worker_seen(&self, worker: Id<Worker>) -> Result<Option<WorkerRow>, Error> {
        let now = self.now();
        self.deps()
            .statement(async |tx| Ok(db::worker::seen(tx, worker, now).await?))
            .await
    }

    /// Asks a worker to take nothing more; `None` if it is not registered.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn drain(&self, worker: Id<Worker>) -> Result<Option<WorkerRow>, Error> {
        let now = self.now();
        self.deps()
            .statement(async |tx| Ok(db::worker::drain(tx, worker, now).await?))
            .await
    }
}
