//! Leasing tasks to workers, and keeping leases alive.

use std::time::Duration;

use atelier_kit::{
    error::Error,
    id::{Id, User},
};
use diesel_async::AsyncConnection;
use serde_json::Value;
use uuid::Uuid;

use super::{Engine, Undo, Worker, fair, family::Operation};
use crate::db::{
    self,
    lease::{Ability, HeldRow, LaneRow, LeasedRow},
};

/// A task that was leased, with the lease that it is held by.
pub type Leased = LeasedRow;

/// What a worker wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The queues it works on.
    pub queues: Vec<String>,
    /// The types it knows; `None` for all.
    pub types: Option<Vec<String>>,
    /// What it has: an object of texts.
    pub capabilities: Value,
    /// The most tasks.
    pub max: usize,
    /// How long the leases are to hold without a heartbeat.
    pub lease: Duration,
    /// Which worker it is.
    pub worker: Option<Id<Worker>>,
    /// Only tasks of this user; without, those of everybody and of nobody.
    pub owner: Option<Id<User>>,
}

/// Tasks leased in one go at most.
const MOST: usize = 500;
/// Looks for tasks before a worker is told that there are none: what one finds, others may take.
const LOOKS: u32 = 3;

impl Engine {
    /// Leases waiting tasks: owners take turns, each with the task of theirs that ranks first.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn lease(&self, wanted: &Wanted) -> Result<Vec<Leased>, Error> {
        let mut leased: Vec<Leased> = Vec::new();
        let mut barren: Vec<(String, Uuid)> = Vec::new();
        for _ in 0..LOOKS {
            let max = wanted.max.min(MOST).saturating_sub(leased.len());
            if max == 0 || wanted.queues.is_empty() {
                break;
            }
            let lanes: Vec<LaneRow> = self
                .look(wanted)
                .await?
                .into_iter()
                .filter(|lane| {
                    !barren
                        .iter()
                        .any(|(queue, owner)| *queue == lane.queue && *owner == lane.lane)
                })
                .collect();
            if lanes.is_empty() {
                break;
            }
            let shares = self.inner.fair.lock().share(&lanes, max);
            let got = self.lease_shares(wanted, &shares).await?;
            let costs = fair::costs(
                got.iter()
                    .map(|task| (task.queue.as_str(), task.lane, task.priority)),
            );
            self.inner.fair.lock().took(&costs);
            for share in shares {
                let count = got
                    .iter()
                    .filter(|task| task.queue == share.queue && task.lane == share.lane)
                    .count();
                if i32::try_from(count).is_ok_and(|count| count < share.take) {
                    barren.push((share.queue, share.lane));
                }
            }
            leased.extend(got);
        }
        leased.sort_by(|a, b| {
            b.priority
                .cmp(&a.priority)
                .then(a.run_at.cmp(&b.run_at))
                .then(a.id.cmp(&b.id))
        });
        Ok(leased)
    }

    async fn look(&self, wanted: &Wanted) -> Result<Vec<LaneRow>, Error> {
        let ability = Ability {
            types: wanted.types.as_deref(),
            capabilities: &wanted.capabilities,
        };
        let mut connection = self.inner.deps.db.read().await?;
        if let Some(owner) = wanted.owner.map(Id::uuid) {
            // One owner's lane, in each queue: there is nobody to take turns with.
            let mut lanes =
                db::lease::lanes(&mut connection, &wanted.queues, &ability, owner).await?;
            lanes.retain(|lane| lane.lane == owner);
            return Ok(lanes);
        }
        let from = self.inner.fair.lock().look_from();
        let mut lanes = db::lease::lanes(&mut connection, &wanted.queues, &ability, from).await?;
        if lanes.is_empty() && !from.is_nil() {
            lanes =
                db::lease::lanes(&mut connection, &wanted.queues, &ability, Uuid::nil()).await?;
        }
        self.inner.fair.lock().looked(&lanes);
        Ok(lanes)
    }

    async fn lease_shares(
        &self,
        wanted: &Wanted,
        shares: &[db::lease::Share],
    ) -> Result<Vec<Leased>, Error> {
        let ability = Ability {
            types: wanted.types.as_deref(),
            capabilities: &wanted.capabilities,
        };
        let (now, expires, worker) = (
            self.now(),
            self.after(wanted.lease),
            wanted.worker.map(Id::uuid),
        );
        let mut connection = self.inner.deps.db.write().await?;
        let leased = connection
            .transaction(async |connection| {
                let leased =
                    db::lease::lease(connection, shares, &ability, worker, now, expires).await?;
                let owned: Vec<_> = leased
                    .iter()
                    .filter(|task| task.owner.is_some())
                    .map(LeasedRow::changed)
                    .collect();
                self.emit(connection, &owned).await?;
                Ok::<_, Undo>(leased)
            })
            .await?;
        drop(connection);
        self.tell(&leased.iter().map(LeasedRow::changed).collect::<Vec<_>>());
        Ok(leased)
    }

    /// Extends leases by `lease` from now. Those not in the answer are lost.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer; the leases stand as they were.
    pub async fn heartbeat(&self, leases: &[Uuid], lease: Duration) -> Result<Vec<HeldRow>, Error> {
        let expires = self.after(lease);
        let mut connection = self.inner.deps.db.read().await?;
        Ok(db::lease::heartbeat(&mut connection, leases, expires).await?)
    }

    /// Gives tasks back as if they had not been leased. Returns how many were.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn release(&self, leases: &[Uuid]) -> Result<usize, Error> {
        if leases.is_empty() {
            return Ok(0);
        }
        for lease in leases {
            self.inner.board.close(*lease);
        }
        let changed = self.perform(Operation::Release { leases }).await?;
        Ok(changed.len())
    }
}
