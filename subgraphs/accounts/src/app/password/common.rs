//! The most common passwords, which attackers try first, as a filter built into the binary.
//!
//! The list itself is not kept: `common-passwords/generate.sh` turns it into the filter. A binary
//! fuse filter (Graf and Lemire 2022) recognises everything that was put in, and takes about one
//! other password in 65,000 for a common one; its owner then has to choose another.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use xorf::{BinaryFuse16, Descriptor, Filter};

/// The length of the filter's header: seed, segment length, its mask and the total length of the
/// segments, little-endian.
const DESCRIPTOR: usize = 20;

static FILTER: LazyLock<Option<BinaryFuse16>> =
    LazyLock::new(|| read(include_bytes!("../../../common-passwords/filter.bin")));

/// Whether a password is common, regardless of upper and lower case.
pub fn is_common(password: &str) -> bool {
    FILTER
        .as_ref()
        .is_some_and(|filter| filter.contains(&key(password)))
}

/// Returns the filter's key for a password: the first bytes of the SHA-256 of its lower-case form.
pub fn key(password: &str) -> u64 {
    let digest = Sha256::digest(password.to_lowercase().as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// Reads a filter; `None` if the bytes are too short.
pub fn read(bytes: &[u8]) -> Option<BinaryFuse16> {
    let (head, fingerprints) = bytes.split_at_checked(DESCRIPTOR)?;
    let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let descriptor = Descriptor {
        seed: u64::from_le_bytes(head.get(..8)?.try_into().ok()?),
        segment_length: number(8)?,
        segment_length_mask: number(12)?,
        segment_count_length: number(16)?,
    };
    let fingerprints = fingerprints
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Some(BinaryFuse16 {
        descriptor,
        fingerprints,
    })
}

/// Writes a filter for [`read`].
#[cfg_attr(not(test), allow(dead_code, reason = "only the generator writes"))]
pub fn write(filter: &BinaryFuse16) -> Vec<u8> {
    let Descriptor {
        seed,
        segment_length,
        segment_length_mask,
        segment_count_length,
    } = filter.descriptor;
    let mut bytes = seed.to_le_bytes().to_vec();
    for number in [segment_length, segment_length_mask, segment_count_length] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend(
        filter
            .fingerprints
            .iter()
            .flat_map(|print| print.to_le_bytes()),
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_leak_most_often_are_known() {
        for password in [
            "12345678",
            "1234567890",
            "password1",
            "Password123",
            "P@ssw0rd",
            "QWERTYUIOP",
            "1q2w3e4r5t",
            "iloveyou",
            "trustno1",
            "sunshine1",
            "liverpool1",
            "administrator",
            "1qaz2wsx3edc",
        ] {
            assert!(is_common(password), "{password}");
        }
        for password in [
            "correct horse battery",
            "a long enough password 7",
            "demo-atelier",
            "密码很长很安全的",
        ] {
            assert!(!is_common(password), "{password}");
        }
    }

    #[test]
    fn one_in_ten_thousand_other_passwords_at_most_is_refused() {
        let wrong = (0..1_000_000)
            .filter(|at| is_common(&format!("nobody has this one {at}")))
            .count();
        assert!(wrong <= 100, "{wrong} of 1,000,000");
    }

    #[test]
    fn the_filter_is_small_and_is_read_as_it_was_written() {
        let bytes = include_bytes!("../../../common-passwords/filter.bin");
        assert!(bytes.len() < 300_000, "{} bytes", bytes.len());
        assert_eq!(write(&read(bytes).unwrap()), bytes);
        assert!(read(&bytes[..19]).is_none());
    }
}
