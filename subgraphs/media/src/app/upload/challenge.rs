//! Proof of possession: whoever names a digest must show that they have the content.
//!
//! The server picks a nonce and ranges of the content; the answer is the SHA-256 of the nonce and
//! the bytes of the ranges, in order. A digest that leaked is not enough to answer it, and an answer
//! to one challenge is of no use for another.

use atelier_kit::{clock::Random, id::Id};
use atelier_storage::{Storage, StorageError};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Blob;

/// How many ranges are asked for.
const RANGES: usize = 16;
/// The most bytes of a range.
const RANGE_BYTES: u64 = 2048;
/// Ranges that are read from the store at a time.
const READS: usize = 4;

/// What the client has to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// The content in question.
    pub blob: Id<Blob>,
    /// 32 unpredictable bytes, in hexadecimal digits.
    pub nonce: String,
    /// The ranges of the content.
    pub ranges: Vec<Range>,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
}

impl Challenge {
    /// A challenge for a blob of `size` bytes.
    pub fn pick(random: &dyn Random, blob: Id<Blob>, size: u64) -> Self {
        let mut nonce = [0; 32];
        random.fill(&mut nonce);
        let whole = size <= RANGE_BYTES * RANGES as u64;
        let ranges = if whole {
            vec![Range {
                offset: 0,
                length: size,
            }]
        } else {
            (0..RANGES).map(|_| somewhere(random, size)).collect()
        };
        Self {
            blob,
            nonce: hex::encode(nonce),
            ranges,
        }
    }

    /// The right answer, from the content in the store.
    pub async fn answer(&self, storage: &Storage, key: &str) -> Result<String, StorageError> {
        let reads: Vec<_> = self
            .ranges
            .iter()
            .map(|range| storage.get_range(key, range.offset, range.length))
            .collect();
        let read: Vec<_> = stream::iter(reads).buffered(READS).try_collect().await?;
        let mut digest = Sha256::new();
        digest.update(hex::decode(&self.nonce).unwrap_or_default());
        read.iter().for_each(|bytes| digest.update(bytes));
        Ok(hex::encode(digest.finalize()))
    }
}

fn somewhere(random: &dyn Random, size: u64) -> Range {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    Range {
        offset: u64::from_le_bytes(bytes) % (size - RANGE_BYTES + 1),
        length: RANGE_BYTES,
    }
}
