//! The additional checksums of S3 ("Checking object integrity" in the S3 user guide), and their
//! way in and out of the protocol's types.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Uri};
use s3s::TrailingHeaders;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumAlgorithm};
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// A checksum algorithm that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The header, query parameter or trailer that carries this checksum, base64-encoded.
    fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The algorithm by the name the protocol gives it.
    pub(super) fn named(name: &ChecksumAlgorithm) -> Result<Self, StoreError> {
        match name.as_str() {
            ChecksumAlgorithm::CRC32 => Ok(Self::Crc32),
            ChecksumAlgorithm::CRC32C => Ok(Self::Crc32c),
            ChecksumAlgorithm::CRC64NVME => Ok(Self::Crc64Nvme),
            ChecksumAlgorithm::SHA1 => Ok(Self::Sha1),
            ChecksumAlgorithm::SHA256 => Ok(Self::Sha256),
            _ => Err(StoreError::InvalidRequest("unknown checksum algorithm")),
        }
    }

    /// The protocol's name.
    pub(super) fn name(self) -> ChecksumAlgorithm {
        ChecksumAlgorithm::from_static(match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        })
    }
}

/// Base64 checksums by algorithm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums(BTreeMap<Algorithm, String>);

impl Checksums {
    /// The checksum by `algorithm`, base64-encoded.
    pub(super) fn get(&self, algorithm: Algorithm) -> Option<String> {
        self.0.get(&algorithm).cloned()
    }

    /// Adds or replaces one.
    pub(super) fn set(&mut self, algorithm: Algorithm, value: Option<String>) {
        if let Some(value) = value {
            self.0.insert(algorithm, value);
        }
    }

    /// Whether every checksum in `expected` is known here with that value. One that was not
    /// computed cannot be believed.
    pub(super) fn include(&self, expected: &Self) -> bool {
        expected
            .0
            .iter()
            .all(|(algorithm, value)| self.0.get(algorithm) == Some(value))
    }

    fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.keys().copied()
    }
}

impl From<Checksum> for Checksums {
    fn from(found: Checksum) -> Self {
        let mut sums = Self::default();
        sums.set(Algorithm::Crc32, found.checksum_crc32);
        sums.set(Algorithm::Crc32c, found.checksum_crc32c);
        sums.set(Algorithm::Crc64Nvme, found.checksum_crc64nvme);
        sums.set(Algorithm::Sha1, found.checksum_sha1);
        sums.set(Algorithm::Sha256, found.checksum_sha256);
        sums
    }
}

/// Takes the five checksum fields out of a protocol type.
macro_rules! checksums_of {
    ($input:expr) => {
        $crate::s3::checksum::Checksums::from(s3s::dto::Checksum {
            checksum_crc32: $input.checksum_crc32.clone(),
            checksum_crc32c: $input.checksum_crc32c.clone(),
            checksum_crc64nvme: $input.checksum_crc64nvme.clone(),
            checksum_sha1: $input.checksum_sha1.clone(),
            checksum_sha256: $input.checksum_sha256.clone(),
            checksum_type: None,
        })
    };
}

/// Fills the five checksum fields of a protocol type.
macro_rules! put_checksums {
    ($sums:expr, $output:expr) => {{
        use $crate::s3::checksum::Algorithm;
        $output.checksum_crc32 = $sums.get(Algorithm::Crc32);
        $output.checksum_crc32c = $sums.get(Algorithm::Crc32c);
        $output.checksum_crc64nvme = $sums.get(Algorithm::Crc64Nvme);
        $output.checksum_sha1 = $sums.get(Algorithm::Sha1);
        $output.checksum_sha256 = $sums.get(Algorithm::Sha256);
    }};
}

pub(super) use {checksums_of, put_checksums};

/// What the sender says its bytes add up to, and what is to be computed beyond that.
#[derive(Debug, Default)]
pub(super) struct Expected {
    sums: Checksums,
    md5_base64: Option<String>,
    trailing: Option<TrailingHeaders>,
    compute: BTreeSet<Algorithm>,
}

impl Expected {
    /// Gathers expectations from the request: headers (already in `sums`), the query of a
    /// presigned URL, and the announced trailer.
    pub(super) fn new(
        sums: Checksums,
        md5_base64: Option<String>,
        algorithm: Option<&ChecksumAlgorithm>,
        request: RequestParts<'_>,
    ) -> Result<Self, StoreError> {
        let mut expected = Self {
            sums,
            md5_base64,
            trailing: request.trailing,
            compute: BTreeSet::new(),
        };
        for algorithm in Algorithm::ALL {
            let in_query = query_value(request.uri, algorithm.header());
            expected.sums.set(algorithm, in_query);
            let announced = request
                .headers
                .get_all("x-amz-trailer")
                .iter()
                .any(|value| {
                    let value = value.to_str().unwrap_or_default();
                    value
                        .split(',')
                        .any(|name| name.trim().eq_ignore_ascii_case(algorithm.header()))
                });
            if announced {
                expected.compute.insert(algorithm);
            }
        }
        expected.compute.extend(expected.sums.algorithms());
        if let Some(algorithm) = algorithm {
            expected.compute.insert(Algorithm::named(algorithm)?);
        }
        Ok(expected)
    }

    /// Also computes `algorithm`, as the upload that a part belongs to wants.
    pub(super) fn also_compute(&mut self, algorithm: Option<Algorithm>) {
        self.compute.extend(algorithm);
    }

    /// A hasher for everything that has to be computed.
    pub(super) fn hasher(&self) -> Hasher {
        let wanted = |algorithm| self.compute.contains(&algorithm);
        Hasher {
            md5: Md5::new(),
            sums: ChecksumHasher {
                crc32: wanted(Algorithm::Crc32).then(Crc32::new),
                crc32c: wanted(Algorithm::Crc32c).then(Crc32c::new),
                sha1: wanted(Algorithm::Sha1).then(Sha1::new),
                sha256: wanted(Algorithm::Sha256).then(Sha256::new),
                crc64nvme: wanted(Algorithm::Crc64Nvme).then(Crc64Nvme::new),
            },
        }
    }

    /// Compares what was computed with what was said, trailers included (call this only after
    /// the whole body was read).
    pub(super) fn verify(&self, digest: &Digest) -> Result<(), StoreError> {
        let mut expected = self.sums.clone();
        if let Some(trailing) = &self.trailing {
            for algorithm in Algorithm::ALL {
                let value = trailing.read(|headers| {
                    headers
                        .get(algorithm.header())
                        .and_then(|value| value.to_str().ok().map(str::to_owned))
                });
                expected.set(algorithm, value.flatten());
            }
        }
        let md5_agrees = self
            .md5_base64
            .as_ref()
            .is_none_or(|said| *said == encode_base64(&digest.md5));
        if md5_agrees && digest.sums.include(&expected) {
            Ok(())
        } else {
            Err(StoreError::BadDigest)
        }
    }
}

/// The parts of a request in which checksums travel.
pub(super) struct RequestParts<'a> {
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) trailing: Option<TrailingHeaders>,
}

/// Every hash over one body, in one pass.
pub(super) struct Hasher {
    md5: Md5,
    sums: ChecksumHasher,
}

impl Hasher {
    /// Takes in the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sums.update(bytes);
    }

    /// The results.
    pub(super) fn finish(self) -> Digest {
        Digest {
            md5: self.md5.finalize(),
            sums: Checksums::from(self.sums.finalize()),
        }
    }
}

/// The results of a [`Hasher`].
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) md5: [u8; 16],
    pub(super) sums: Checksums,
}

/// The MD5 of nothing but bytes already in memory.
pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::checksum(bytes)
}

/// The checksum of checksums: S3 calls it composite. `None` for CRC64NVME, which has none.
pub(super) fn composite(algorithm: Algorithm, parts: &[String]) -> Option<String> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(decode_base64(part)?);
    }
    let sum = match algorithm {
        Algorithm::Crc32 => encode_base64(&Crc32::checksum(&all)),
        Algorithm::Crc32c => encode_base64(&Crc32c::checksum(&all)),
        Algorithm::Sha1 => encode_base64(Sha1::checksum(&all).as_ref()),
        Algorithm::Sha256 => encode_base64(Sha256::checksum(&all).as_ref()),
        Algorithm::Crc64Nvme => return None,
    };
    Some(format!("{sum}-{}", parts.len()))
}

/// Standard base64.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The bytes of a standard base64 text.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// The percent-decoded value of a query parameter, its name compared without regard to case.
fn query_value(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query()?;
    let (_, value) = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.ok().map(Cow::into_owned)
}
