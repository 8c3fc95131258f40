//! A quick hash for names. The seed is drawn at random once a process, so that
//! nobody can prepare names that collide.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

static SEED: OnceLock<u64> = OnceLock::new();

/// Makes hashers that start from the process's seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashNames(u64);

impl Default for HashNames {
    fn default() -> Self {
        Self(*SEED.get_or_init(|| RandomState::new().hash_one(0_u64)))
    }
}

impl BuildHasher for HashNames {
    type Hasher = NameHasher;

    fn build_hasher(&self) -> NameHasher {
        NameHasher(self.0)
    }
}

/// Folds eight bytes at a time by a wide multiplication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameHasher(u64);

impl NameHasher {
    fn fold(&mut self, word: u64) {
        const ODD: u128 = 0x9E37_79B9_7F4A_7C15;
        let wide = u128::from(self.0 ^ word).wrapping_mul(ODD);
        // Both halves matter: the high one mixes downwards.
        self.0 = ((wide >> 64) as u64) ^ (wide as u64);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.fold(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_left(56));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn finish(&self) -> u64 {
        let mut last = *self;
        last.fold(0x5851_F42D_4C95_7F2D);
        last.0
    }
}
