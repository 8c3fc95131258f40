//! The keys of issuers: a private key for each, in a file of its own, and the public keys of all in
//! a JWK Set (RFC 7517), which is not secret.
//!
//! Files are read again when they change, so keys can be rotated without a restart: first all
//! processes get the set with the new key, then the issuer gets its new private key.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, jwk::Jwk};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, SystemClock};

/// How old what was read from a file may be before the file is looked at again.
const LOOK: Duration = Duration::from_secs(2);
/// The file with the public keys of all issuers.
const TRUSTED: &str = "trusted.json";
/// The ASN.1 that precedes the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 section 7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What is wrong with a key file, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file does not exist.
    #[error(
        "there is no key file {path}. Keys are made once for all parts of an installation, with: atelier keys new router accounts media tasks; each process gets trusted.json and the .key files of its own names"
    )]
    Missing {
        /// The path where it should be.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        cause: std::io::Error,
    },
    /// The file does not hold what it should.
    #[error("{path} {problem}")]
    Content {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text is not a valid name of an issuer.
    #[error("{name:?} cannot be the name of an issuer: use lowercase letters, digits and hyphens")]
    Name {
        /// The text.
        name: String,
    },
}

/// A private key, with the name by which verifiers find the public key.
pub(super) struct PrivateKey {
    pub(super) kid: String,
    pub(super) key: EncodingKey,
}

/// The issuer that a public key belongs to.
pub(super) struct PublicKey {
    pub(super) issuer: String,
    pub(super) key: DecodingKey,
}

/// Public keys by their names.
pub(super) type PublicKeys = HashMap<String, PublicKey>;

#[derive(Serialize, Deserialize)]
struct TrustedKey {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    /// Our own parameter: the issuer that the key belongs to.
    issuer: String,
    /// Our own parameter: when the key was created, in seconds since 1970.
    #[serde(default)]
    made: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct TrustedKeys {
    keys: Vec<TrustedKey>,
}

/// A folder of key files.
#[derive(Clone)]
pub struct KeyFolder {
    path: PathBuf,
    private: Arc<Mutex<HashMap<String, Read<PrivateKey>>>>,
    public: Arc<Mutex<Option<Read<PublicKeys>>>>,
}

impl std::fmt::Debug for KeyFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFolder")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A file as it was last read.
struct Read<T> {
    looked: Instant,
    modified: SystemTime,
    value: Arc<T>,
}

impl KeyFolder {
    /// Creates a handle on the keys in `path`; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            private: Arc::default(),
            public: Arc::default(),
        }
    }

    /// Creates a new key for each of `issuers`, and trusts it in addition to the existing ones.
    ///
    /// # Errors
    /// If the files cannot be written. The previous files then remain.
    pub fn make(
        &self,
        issuers: &[impl AsRef<str>],
        random: impl Fn() -> [u8; 32],
    ) -> Result<(), KeyError> {
        for issuer in issuers {
            check(issuer.as_ref())?;
        }
        fs::create_dir_all(&self.path).map_err(|cause| file(&self.path, cause))?;
        let mut trusted = self.trusted()?.unwrap_or_default();
        let made = u64::try_from(SystemClock.now().timestamp()).unwrap_or(0);
        let mut private = Vec::new();
        for issuer in issuers {
            let pkcs8 = [PKCS8.as_slice(), &random()].concat();
            let path = self.private_path(issuer.as_ref());
            let (kid, x) = public_half(&pkcs8).ok_or(KeyError::Content {
                path: path.clone(),
                problem: "would not be an Ed25519 key",
            })?;
            trusted.keys.push(TrustedKey {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                kid,
                x,
                issuer: issuer.as_ref().to_owned(),
                made,
            });
            private.push((path, pem(&pkcs8)));
        }
        // Verifiers must know a key before anybody signs with it.
        self.write_trusted(&trusted)?;
        for (path, text) in private {
            replace(&path, text.as_bytes(), 0o600)?;
        }
        Ok(())
    }

    /// Keeps only the newest key of each issuer; returns the number of keys that are no longer
    /// trusted.
    ///
    /// # Errors
    /// If the files cannot be read or written.
    pub fn retire(&self) -> Result<usize, KeyError> {
        let mut trusted = self.trusted()?.unwrap_or_default();
        let before = trusted.keys.len();
        let mut newest = HashMap::new();
        for (at, key) in trusted.keys.iter().enumerate() {
            let best = newest.entry(key.issuer.clone()).or_insert((key.made, at));
            *best = (*best).max((key.made, at));
        }
        let mut at = 0..;
        trusted.keys.retain(|key| {
            let at = at.next();
            newest.get(&key.issuer).map(|(_, newest)| *newest) == at
        });
        self.write_trusted(&trusted)?;
        Ok(before - trusted.keys.len())
    }

    /// Checks that this process can sign for `issuers`.
    ///
    /// # Errors
    /// Names the first key that is missing or invalid.
    pub fn require(&self, issuers: &[impl AsRef<str>]) -> Result<(), KeyError> {
        for issuer in issuers {
            self.private(issuer.as_ref())?;
        }
        Ok(())
    }

    /// Checks that this process can verify signatures.
    ///
    /// # Errors
    /// If the public keys are missing or invalid.
    pub fn require_trusted(&self) -> Result<(), KeyError> {
        self.public().map(drop)
    }

    /// Returns the key that signs for `issuer`.
    pub(super) fn private(&self, issuer: &str) -> Result<Arc<PrivateKey>, KeyError> {
        let path = self.private_path(issuer);
        let mut known = self.private.lock();
        let latest = latest(known.get(issuer), &path, |text| {
            let wrong = |problem| KeyError::Content {
                path: path.clone(),
                problem,
            };
            let text = std::str::from_utf8(text).map_err(|_| wrong("is not a PEM file"))?;
            let pkcs8 = unpem(text).ok_or_else(|| wrong("is not a PEM file of a private key"))?;
            let (kid, _) =
                public_half(&pkcs8).ok_or_else(|| wrong("is not an Ed25519 private key"))?;
            Ok(PrivateKey {
                kid,
                key: EncodingKey::from_ed_der(&pkcs8),
            })
        })?;
        let value = Arc::clone(&latest.value);
        known.insert(issuer.to_owned(), latest);
        Ok(value)
    }

    /// Returns the keys that signatures are verified with.
    pub(super) fn public(&self) -> Result<Arc<PublicKeys>, KeyError> {
        let path = self.path.join(TRUSTED);
        let mut known = self.public.lock();
        let latest = latest(known.as_ref(), &path, |text| {
            let wrong = |problem| KeyError::Content {
                path: path.clone(),
                problem,
            };
            let set: TrustedKeys =
                serde_json::from_slice(text).map_err(|_| wrong("is not a JWK Set of issuers"))?;
            let mut keys = PublicKeys::new();
            for key in set.keys {
                let decoding = DecodingKey::from_ed_components(&key.x)
                    .map_err(|_| wrong("has a key that is not an Ed25519 public key"))?;
                let public = PublicKey {
                    issuer: key.issuer,
                    key: decoding,
                };
                keys.insert(key.kid, public);
            }
            Ok(keys)
        })?;
        let value = Arc::clone(&latest.value);
        *known = Some(latest);
        Ok(value)
    }

    fn trusted(&self) -> Result<Option<TrustedKeys>, KeyError> {
        let path = self.path.join(TRUSTED);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(file(&path, cause)),
        };
        let keys = serde_json::from_slice(&text).map_err(|_| KeyError::Content {
            path,
            problem: "is not a JWK Set of issuers",
        })?;
        Ok(Some(keys))
    }

    fn write_trusted(&self, trusted: &TrustedKeys) -> Result<(), KeyError> {
        let path = self.path.join(TRUSTED);
        let text = serde_json::to_vec_pretty(trusted).map_err(|_| KeyError::Content {
            path: path.clone(),
            problem: "cannot be written as JSON",
        })?;
        replace(&path, &text, 0o644)
    }

    fn private_path(&self, issuer: &str) -> PathBuf {
        self.path.join(format!("{issuer}.key"))
    }
}

/// Returns the current content of a file, which is read again if it has changed.
fn latest<T>(
    known: Option<&Read<T>>,
    path: &Path,
    read: impl FnOnce(&[u8]) -> Result<T, KeyError>,
) -> Result<Read<T>, KeyError> {
    let same = |known: &Read<T>, looked| Read {
        looked,
        modified: known.modified,
        value: Arc::clone(&known.value),
    };
    if let Some(known) = known.filter(|known| known.looked.elapsed() < LOOK) {
        return Ok(same(known, known.looked));
    }
    let missing = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => KeyError::Missing { path: path.into() },
        _ => file(path, cause),
    };
    let modified = fs::metadata(path)
        .and_then(|about| about.modified())
        .map_err(missing)?;
    if let Some(known) = known.filter(|known| known.modified == modified) {
        return Ok(same(known, Instant::now()));
    }
    let text = fs::read(path).map_err(missing)?;
    Ok(Read {
        looked: Instant::now(),
        modified,
        value: Arc::new(read(&text)?),
    })
}

fn check(name: &str) -> Result<(), KeyError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(KeyError::Name { name: name.into() }),
    }
}

fn file(path: &Path, cause: std::io::Error) -> KeyError {
    KeyError::File {
        path: path.into(),
        cause,
    }
}

/// Writes a file atomically, so that nobody ever reads half of it.
fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), KeyError> {
    let new = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|cause| file(path, cause))
}

/// Returns the name (the thumbprint of RFC 7638) and the public half of a private key.
fn public_half(pkcs8: &[u8]) -> Option<(String, String)> {
    if pkcs8.len() != PKCS8.len() + 32 || !pkcs8.starts_with(&PKCS8) {
        return None;
    }
    let jwk = Jwk::from_encoding_key(&EncodingKey::from_ed_der(pkcs8), Algorithm::EdDSA).ok()?;
    let jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(public) = jwk.algorithm else {
        return None;
    };
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, public.x);
    let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
    Some((kid, public.x))
}

fn pem(pkcs8: &[u8]) -> String {
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8)
    )
}

fn unpem(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let body = body.strip_suffix("-----END PRIVATE KEY-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}
