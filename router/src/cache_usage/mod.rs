//! Who has filled how much of the caches of documents and plans. moka decides by frequency of
//! use what is evicted (TinyLFU); this module decides who may add more.

pub(crate) mod weight;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::identity::Caller;
use crate::quota::Network;

/// Who an entry counts against: a person, or a network while nobody is signed in.
/// `0` is nobody in particular, such as the router itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner(u64);

impl Owner {
    pub(crate) fn of(caller: &Caller, address: Option<IpAddr>) -> Self {
        static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        match (caller.person(), address) {
            (Some(person), _) => Self(person),
            (None, Some(address)) => Self(HASH.hash_one(Network::of(address)).max(1)),
            (None, None) => Self(0),
        }
    }
}

/// The bytes of a cache that only one owner has asked for, by owner.
#[derive(Debug)]
pub(crate) struct Shares {
    most: u64,
    of: Mutex<HashMap<Owner, u64>>,
    held: AtomicU64,
}

impl Shares {
    /// Of a cache of this many bytes.
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            of: Mutex::default(),
            held: AtomicU64::new(0),
        })
    }

    /// False when the cache is nearly full and half of it belongs to this owner.
    pub(crate) fn admits(&self, owner: Owner) -> bool {
        let is_full = self.held.load(Ordering::Relaxed) > self.most / 8 * 7;
        if !is_full || owner.0 == 0 {
            return true;
        }
        self.of.lock().get(&owner).copied().unwrap_or(0) < self.most / 2
    }

    /// Bytes of everything that is held.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    fn add(&self, owner: Owner, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        if owner.0 != 0 {
            *self.of.lock().entry(owner).or_default() += bytes;
        }
    }

    fn disown(&self, owner: Owner, bytes: u64) {
        if owner.0 == 0 {
            return;
        }
        let mut of = self.of.lock();
        if let Some(share) = of.get_mut(&owner) {
            *share = share.saturating_sub(bytes);
            if *share == 0 {
                of.remove(&owner);
            }
        }
    }
}

/// The size of one entry. It counts against its owner until somebody else asks for the same
/// entry, and towards the total until it is dropped: an evicted entry may still be in use.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    owner: AtomicU64,
    bytes: AtomicUsize,
    kept: AtomicBool,
}

impl Share {
    pub(crate) fn new(shares: &Arc<Shares>, owner: Owner, bytes: usize) -> Self {
        shares.add(owner, bytes as u64);
        Self {
            shares: Arc::clone(shares),
            owner: AtomicU64::new(owner.0),
            bytes: AtomicUsize::new(bytes),
            kept: AtomicBool::new(true),
        }
    }

    /// Notes that somebody asks for it. What several callers want belongs to none of them.
    pub(crate) fn asked_by(&self, who: Owner) {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner != 0 && owner != who.0 && self.owner.swap(0, Ordering::Relaxed) == owner {
            let bytes = self.bytes.load(Ordering::Relaxed) as u64;
            self.shares.disown(Owner(owner), bytes);
        }
    }

    /// It has become bigger.
    pub(crate) fn grow(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let owner = Owner(self.owner.load(Ordering::Relaxed));
        self.shares.add(owner, bytes as u64);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a cache holds it, or only who asked.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    pub(crate) fn not_kept(self) -> Self {
        self.kept.store(false, Ordering::Relaxed);
        self
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed) as u64;
        self.shares.held.fetch_sub(bytes, Ordering::Relaxed);
        let owner = Owner(self.owner.load(Ordering::Relaxed));
        self.shares.disown(owner, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_filled_half_of_a_full_cache_adds_nothing_and_others_do() {
        let shares = Shares::new(1000);
        let (greedy, other) = (Owner(1), Owner(2));
        let mut held: Vec<_> = (0..8)
            .map(|_| {
                assert!(shares.admits(greedy));
                Share::new(&shares, greedy, 110)
            })
            .collect();
        assert!(!shares.admits(greedy));
        assert!(shares.admits(other) && shares.admits(Owner::default()));
        // What others ask for, too, is no longer anybody's.
        for share in &held[..4] {
            share.asked_by(other);
            share.asked_by(greedy);
        }
        assert!(shares.admits(greedy));
        held[7].grow(100);
        assert!(!shares.admits(greedy));
        held.clear();
        assert_eq!(shares.held(), 0);
        assert!(shares.of.lock().is_empty());
    }
}
