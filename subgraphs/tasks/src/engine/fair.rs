//! Taking turns: weighted fair queueing over the owners of waiting tasks.
//!
//! Each owner has a virtual time in each queue that grows with every task taken, by less for tasks
//! of high priority; the owner who is furthest behind goes next. An owner who comes (back) starts
//! at the time of the others, so nobody saves up turns. A thousand tasks of one owner thus delay
//! another's only task by one turn.
//!
//! The times live in the memory of the process that leases. Every process is fair by itself, so all
//! together are, and no lease has to wait for another process's commit.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::lease::{LANES, LaneRow, Share};

/// Virtual times that are remembered at most; beyond it the engine forgets who had how much.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Fairness {
    /// How much each owner has had of each queue.
    had: HashMap<(String, Uuid), f64>,
    /// The virtual time of each queue: where newcomers start.
    time: HashMap<String, f64>,
    /// Where to go on looking, where there are more owners than one look takes in.
    from: Uuid,
}

/// What a task of a priority costs its owner: 1 for the normal one, less for higher ones.
fn cost(priority: i16) -> f64 {
    let priority = f64::from(priority.clamp(-100, 100));
    if priority >= 0.0 {
        1.0 / (1.0 + priority)
    } else {
        1.0 - priority
    }
}

/// A turn in the offing; the order of the fields decides who goes first.
#[derive(Debug, PartialEq)]
struct Turn {
    ends: f64,
    waiting_since: DateTime<Utc>,
    lane: usize,
}

impl Eq for Turn {}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ends
            .total_cmp(&other.ends)
            .then_with(|| self.waiting_since.cmp(&other.waiting_since))
            .then_with(|| self.lane.cmp(&other.lane))
    }
}

impl Fairness {
    /// From which owner on to look for waiting tasks.
    pub(super) fn start_from(&self) -> Uuid {
        self.from
    }

    /// Notes what a look found: who waits from now on starts at the time of the others, and the next
    /// look goes on behind this one if there may be more.
    pub(super) fn observe(&mut self, lanes: &[LaneRow]) {
        if self.had.len() > REMEMBERED {
            self.had.clear();
        }
        let mut per_queue: HashMap<&str, HashSet<Uuid>> = HashMap::new();
        for lane in lanes {
            per_queue.entry(&lane.queue).or_default().insert(lane.lane);
            let time = self.time.get(&lane.queue).copied().unwrap_or(0.0);
            self.had
                .entry((lane.queue.clone(), lane.lane))
                .or_insert(time);
        }
        // Who does not wait and has had no more than a newcomer need not be remembered.
        let time = &self.time;
        self.had.retain(|(queue, lane), had| {
            let waits = per_queue
                .get(queue.as_str())
                .is_none_or(|waiting| waiting.contains(lane));
            waits || *had > time.get(queue).copied().unwrap_or(0.0)
        });
        let full = per_queue.values().filter(|waiting| waiting.len() >= LANES);
        self.from = full
            .filter_map(|waiting| waiting.iter().max().copied())
            .min()
            .unwrap_or_default();
    }

    /// How far ahead of its queue's time an owner is.
    fn start(&self, lane: &LaneRow) -> f64 {
        let time = self.time.get(&lane.queue).copied().unwrap_or(0.0);
        self.had
            .get(&(lane.queue.clone(), lane.lane))
            .map_or(0.0, |had| had - time)
    }

    /// Shares `max` tasks out among the lanes.
    pub(super) fn share(&self, lanes: &[LaneRow], max: usize) -> Vec<Share> {
        let mut turns: BinaryHeap<Reverse<Turn>> = lanes
            .iter()
            .enumerate()
            .map(|(at, lane)| {
                Reverse(Turn {
                    ends: self.start(lane) + cost(lane.priority),
                    waiting_since: lane.run_at,
                    lane: at,
                })
            })
            .collect();
        let mut takes = vec![0; lanes.len()];
        for _ in 0..max {
            let Some(Reverse(turn)) = turns.pop() else {
                break;
            };
            takes[turn.lane] += 1;
            turns.push(Reverse(Turn {
                ends: turn.ends + cost(lanes[turn.lane].priority),
                ..turn
            }));
        }
        let shares = lanes.iter().zip(takes).filter(|(_, take)| *take > 0);
        shares
            .map(|(lane, take)| Share {
                queue: lane.queue.clone(),
                lane: lane.lane,
                take,
            })
            .collect()
    }

    /// Notes what owners were given. The queue's time becomes that at which the first of them began.
    pub(super) fn charge(&mut self, taken: &HashMap<(String, Uuid), f64>) {
        let mut began: HashMap<&str, f64> = HashMap::new();
        for (key, cost) in taken {
            let time = self.time.get(&key.0).copied().unwrap_or(0.0);
            let had = self.had.entry(key.clone()).or_insert(time);
            let least = began.entry(&key.0).or_insert(*had);
            *least = least.min(*had);
            *had += cost;
        }
        for (queue, began) in began {
            let time = self.time.entry(queue.to_owned()).or_insert(0.0);
            *time = time.max(began);
        }
    }
}

/// What leased tasks cost their lanes.
pub(super) fn costs<'a>(
    leased: impl Iterator<Item = (&'a str, Uuid, i16)>,
) -> HashMap<(String, Uuid), f64> {
    let mut costs = HashMap::new();
    for (queue, lane, priority) in leased {
        *costs.entry((queue.to_owned(), lane)).or_insert(0.0) += cost(priority);
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(lane: u128, priority: i16) -> LaneRow {
        LaneRow {
            queue: "q".to_owned(),
            lane: Uuid::from_u128(lane),
            priority,
            run_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Leases one task at a time and says whose it was.
    fn turns(fair: &mut Fairness, lanes: &[LaneRow], count: usize) -> Vec<u128> {
        let one = |fair: &mut Fairness| {
            fair.observe(lanes);
            let shares = fair.share(lanes, 1);
            let [share] = &shares[..] else {
                panic!("one share")
            };
            let priority = lanes
                .iter()
                .find(|lane| lane.lane == share.lane)
                .map_or(0, |lane| lane.priority);
            fair.charge(&costs([("q", share.lane, priority)].into_iter()));
            share.lane.as_u128()
        };
        (0..count).map(|_| one(fair)).collect()
    }

    #[test]
    fn owners_take_turns() {
        let fair = &mut Fairness::default();
        let got = turns(fair, &[lane(1, 0), lane(2, 0), lane(3, 0)], 6);
        assert_eq!(got, [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn a_newcomer_goes_next_and_saves_up_nothing() {
        let fair = &mut Fairness::default();
        turns(fair, &[lane(1, 0)], 1000);
        assert_eq!(
            turns(fair, &[lane(1, 0), lane(2, 0)], 4)
                .iter()
                .filter(|owner| **owner == 2)
                .count(),
            2
        );
    }

    #[test]
    fn a_high_priority_goes_first_and_does_not_starve_others() {
        let fair = &mut Fairness::default();
        let got = turns(fair, &[lane(1, 0), lane(2, 3)], 10);
        assert_eq!(got[0], 2);
        assert_eq!(
            got.iter().filter(|owner| **owner == 1).count(),
            2,
            "{got:?}"
        );
    }

    #[test]
    fn a_batch_is_shared_out() {
        let fair = Fairness::default();
        let shares = fair.share(&[lane(1, 0), lane(2, 0)], 5);
        assert_eq!(
            shares.iter().map(|share| share.take).collect::<Vec<_>>(),
            [3, 2]
        );
        assert!(fair.share(&[], 5).is_empty());
    }
}
