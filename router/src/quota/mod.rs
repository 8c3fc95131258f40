//! Limits on what clients may hold at the same time: in total, per network and per person.
//! A permit is returned when it is dropped.

mod budget;
mod clients;
mod network;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use budget::{Budget, Charge};
pub(crate) use clients::ClientQuotas;
pub(crate) use network::Network;

/// Who a permit counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Network(Network),
    Person(u64),
}

/// The limits of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) in_all: usize,
    pub(crate) per_address: usize,
    pub(crate) per_person: usize,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Nobody gets more.
    InAll,
    /// Others do.
    Holder,
}

/// Permits of one kind.
#[derive(Debug)]
pub(crate) struct Quota {
    most: Most,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by: HashMap<Holder, usize>,
}

impl Quota {
    pub(crate) fn new(most: Most) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// Which limit is reached; nothing is taken then.
    pub(crate) fn take(
        self: &Arc<Self>,
        network: Option<Network>,
        person: Option<u64>,
    ) -> Result<Permit, Full> {
        let network = network.map(Holder::Network);
        let person = person.map(Holder::Person);
        let mut taken = self.taken.lock();
        let has = |holder: Option<Holder>, most: usize| {
            holder.is_none_or(|holder| taken.by.get(&holder).copied().unwrap_or(0) < most)
        };
        if !has(network, self.most.per_address) || !has(person, self.most.per_person) {
            return Err(Full::Holder);
        }
        if taken.in_all >= self.most.in_all {
            return Err(Full::InAll);
        }
        taken.in_all += 1;
        for holder in [network, person].into_iter().flatten() {
            *taken.by.entry(holder).or_default() += 1;
        }
        drop(taken);
        Ok(Permit {
            quota: Arc::clone(self),
            holders: [network, person],
        })
    }

    /// True when more than three quarters of all permits are taken.
    pub(crate) fn is_pressed(&self) -> bool {
        self.taken.lock().in_all > self.most.in_all / 4 * 3
    }
}

/// One permit of a quota; returned on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    quota: Arc<Quota>,
    holders: [Option<Holder>; 2],
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.quota.taken.lock();
        taken.in_all -= 1;
        for holder in self.holders.into_iter().flatten() {
            if let Entry::Occupied(mut count) = taken.by.entry(holder) {
                match *count.get() {
                    0 | 1 => drop(count.remove()),
                    _ => *count.get_mut() -= 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota() -> Arc<Quota> {
        Quota::new(Most {
            in_all: 4,
            per_address: 2,
            per_person: 3,
        })
    }

    fn network(ip: &str) -> Option<Network> {
        Some(Network::of(ip.parse().unwrap()))
    }

    #[test]
    fn one_network_or_person_cannot_take_what_belongs_to_others() {
        let quota = quota();
        let held: Vec<_> = (0..2)
            .map(|_| quota.take(network("192.0.2.1"), None).unwrap())
            .collect();
        assert_eq!(
            quota.take(network("192.0.2.1"), None).unwrap_err(),
            Full::Holder
        );
        let _other = quota.take(network("192.0.2.2"), Some(7)).unwrap();
        drop(held);
        let _again = quota.take(network("192.0.2.1"), Some(7)).unwrap();
        let _third = quota.take(network("192.0.2.3"), Some(7)).unwrap();
        assert_eq!(
            quota.take(network("192.0.2.4"), Some(7)).unwrap_err(),
            Full::Holder
        );
    }

    #[test]
    fn what_is_given_back_is_forgotten_and_a_refusal_takes_nothing() {
        let quota = quota();
        let held: Vec<_> = (0..4).map(|_| quota.take(None, None).unwrap()).collect();
        assert!(quota.is_pressed());
        assert_eq!(
            quota.take(network("192.0.2.1"), Some(1)).unwrap_err(),
            Full::InAll
        );
        drop(held);
        assert!(!quota.is_pressed());
        let taken = quota.taken.lock();
        assert_eq!((taken.in_all, taken.by.len()), (0, 0));
    }
}
