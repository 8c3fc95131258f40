//! The subscribers of one stream, found by the ids they want.

use std::collections::HashMap;
use std::sync::Arc;

use crate::telemetry::catalog;

use super::interest::{Concerned, Interest, Routing};
use super::queue::{End, Queue};
use super::{StreamCursor, StreamEntry};

/// Tells a hub's subscribers apart.
pub(super) type SubscriberId = u64;

/// The reader's end of one subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) id: SubscriberId,
    pub(super) queue: Arc<Queue>,
    pub(super) interest: Interest,
    /// Entries that may wait for it.
    pub(super) limit: usize,
}

impl Subscriber {
    fn lag(&self) {
        self.queue.end(End::Lagged);
        metrics::counter!(catalog::STREAM_SUBSCRIBERS_LAGGED).increment(1);
    }
}

#[derive(Debug)]
struct Member {
    subscriber: Subscriber,
    /// The entry it was handed last, so that none reaches it by two of its ids.
    handed: StreamCursor,
}

/// An entry costs what those whom it concerns cost, however many others there are.
#[derive(Debug, Default)]
pub(super) struct Audience {
    members: HashMap<SubscriberId, Member>,
    by_id: HashMap<Arc<str>, Vec<SubscriberId>>,
    of_all: Vec<SubscriberId>,
}

impl Audience {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn add(&mut self, subscriber: Subscriber) {
        match &subscriber.interest {
            Interest::All => self.of_all.push(subscriber.id),
            Interest::Ids(ids) => {
                for id in ids.iter() {
                    let those = self
                        .by_id
                        .entry(Arc::clone(id))
                        .or_insert_with(|| Vec::with_capacity(1));
                    those.push(subscriber.id);
                }
            }
        }
        let member = Member {
            handed: StreamCursor::START,
            subscriber,
        };
        self.members.insert(member.subscriber.id, member);
        subscribers().increment(1);
    }

    /// Forgets one that has gone, with whatever it took.
    pub(super) fn remove(&mut self, gone: SubscriberId) {
        let Some(member) = self.members.remove(&gone) else {
            return;
        };
        subscribers().decrement(1);
        match &member.subscriber.interest {
            Interest::All => self.of_all.retain(|id| *id != gone),
            Interest::Ids(ids) => {
                for id in ids.iter() {
                    let Some(those) = self.by_id.get_mut(id) else {
                        continue;
                    };
                    if let Some(at) = those.iter().position(|id| *id == gone) {
                        those.swap_remove(at);
                    }
                    if those.is_empty() {
                        self.by_id.remove(id);
                    }
                }
            }
        }
        shrink(&mut self.members);
        shrink(&mut self.by_id);
    }

    /// Hands an entry to those whom it concerns, without waiting. Who is too slow is told so, and
    /// gets no more.
    pub(super) fn hand_out(&mut self, mut entry: StreamEntry, routing: Routing) {
        let Some(concerned) = self.concerned(&entry, routing) else {
            return;
        };
        if !entry.parse(routing) {
            return;
        }
        let mut too_slow = Vec::new();
        for id in concerned {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            if member.handed == entry.cursor {
                continue;
            }
            member.handed = entry.cursor;
            let subscriber = &member.subscriber;
            if !subscriber.queue.push(&entry, subscriber.limit) {
                subscriber.lag();
                too_slow.push(id);
            }
        }
        for id in too_slow {
            self.remove(id);
        }
    }

    /// Those whom an entry concerns, some perhaps twice; `None` if it is nobody.
    fn concerned(&self, entry: &StreamEntry, routing: Routing) -> Option<Vec<SubscriberId>> {
        let concerned = Concerned::of(entry, routing)?;
        let mut those = self.of_all.clone();
        for id in concerned.ids() {
            those.extend(self.by_id.get(id).into_iter().flatten());
        }
        (!those.is_empty()).then_some(those)
    }

    /// Entries were lost: nobody can go on.
    pub(super) fn lag_all(&mut self) {
        for member in self.members.values() {
            member.subscriber.lag();
        }
        *self = Self::default();
    }
}

impl Drop for Audience {
    /// Nothing more comes; those whose queue has ended already keep the reason.
    fn drop(&mut self) {
        for member in self.members.values() {
            member.subscriber.queue.end(End::Closed);
        }
        if !self.is_empty() {
            subscribers().decrement(self.members.len() as f64);
        }
    }
}

fn subscribers() -> metrics::Gauge {
    metrics::gauge!(catalog::STREAM_SUBSCRIBERS)
}

/// Gives memory back when most of it is free.
fn shrink<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > 64 && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_those_who_have_gone() {
        let mut audience = Audience::default();
        for id in 0..1000 {
            audience.add(Subscriber {
                id,
                queue: Arc::default(),
                interest: match id % 10 {
                    0 => Interest::All,
                    of => Interest::ids([of, 100 + id]),
                },
                limit: 1,
            });
        }
        for id in 0..1000 {
            audience.remove(id);
        }
        assert!(audience.is_empty() && audience.by_id.is_empty() && audience.of_all.is_empty());
        assert!(audience.members.capacity() < 200 && audience.by_id.capacity() < 200);
    }
}
