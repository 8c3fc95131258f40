//! Leasing tasks to workers, and keeping leases alive.

use std::time::Duration;

use atelier_contracts::tasks::Worker;
use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Engine, fair,
    operation::{Changes, Operation},
};
use crate::db::{
    self,
    lease::{Ability, HeldRow, LaneRow, LeasedRow, Times},
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
const ROUNDS: u32 = 3;

impl Engine {
    /// Leases waiting tasks: owners take turns, each with the task of theirs that ranks first.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn lease(&self, wanted: &Wanted) -> Result<Vec<Leased>, Error> {
        let mut leased: Vec<Leased> = Vec::new();
        let mut exhausted: Vec<(String, Uuid)> = Vec::new();
        for _ in 0..ROUNDS {
            let max = wanted.max.min(MOST).saturating_sub(leased.len());
            if max == 0 || wanted.queues.is_empty() {
                break;
            }
            let lanes: Vec<LaneRow> = self
                .find_lanes(wanted)
                .await?
                .into_iter()
                .filter(|lane| {
                    !exhausted
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
            self.inner.fair.lock().charge(&costs);
            for share in shares {
                let count = got
                    .iter()
                    .filter(|task| task.queue == share.queue && task.lane == share.lane)
                    .count();
                if i32::try_from(count).is_ok_and(|count| count < share.take) {
                    exhausted.push((share.queue, share.lane));
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

    async fn find_lanes(&self, wanted: &Wanted) -> Result<Vec<LaneRow>, Error> {
        let ability = Ability {
            types: wanted.types.as_deref(),
            capabilities: &wanted.capabilities,
        };
        if let Some(owner) = wanted.owner.map(Id::uuid) {
            // One owner's lane, in each queue: there is nobody to take turns with.
            let mut lanes = self.lanes_from(owner, wanted, &ability).await?;
            lanes.retain(|lane| lane.lane == owner);
            return Ok(lanes);
        }
        let from = self.inner.fair.lock().start_from();
        let mut lanes = self.lanes_from(from, wanted, &ability).await?;
        if lanes.is_empty() && !from.is_nil() {
            lanes = self.lanes_from(Uuid::nil(), wanted, &ability).await?;
        }
        self.inner.fair.lock().observe(&lanes);
        Ok(lanes)
    }

    /// Not from a replica: a worker that was just woken must see what woke it.
    async fn lanes_from(
        &self,
        from: Uuid,
        wanted: &Wanted,
        ability: &Ability<'_>,
    ) -> Result<Vec<LaneRow>, Error> {
        self.deps()
            .statement(async |tx| Ok(db::lease::lanes(tx, &wanted.queues, ability, from).await?))
            .await
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
        let worker = wanted.worker.map(Id::uuid);
        let times = Times {
            now: self.now(),
            expires: self.after(wanted.lease),
        };
        let told = shares.iter().any(|share| !share.lane.is_nil());
        let lease = async |tx: &mut Tx| -> Result<Vec<Leased>, Error> {
            let leased = db::lease::lease(tx, shares, &ability, worker, times, told).await?;
            let changes = Changes {
                states: leased.iter().map(LeasedRow::changed).collect(),
                parents: Vec::new(),
            };
            self.announce(tx, &changes);
            Ok(leased)
        };
        // Of tasks of nobody there is nothing to tell before their end: one round trip does.
        if told {
            self.deps().transaction(lease).await
        } else {
            self.deps().statement(lease).await
        }
    }

    /// Extends leases by `lease` from now. Those not in the answer are lost.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer; the leases stand as they were.
    pub async fn heartbeat(&self, leases: &[Uuid], lease: Duration) -> Result<Vec<HeldRow>, Error> {
        let expires = self.after(lease);
        self.deps()
            .statement(async |tx| Ok(db::lease::heartbeat(tx, leases, expires).await?))
            .await
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
            self.inner.progress.take_unsaved(*lease);
        }
        let changed = self.perform(Operation::Release { leases }).await?;
        Ok(changed.len())
    }
}
