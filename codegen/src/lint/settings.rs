//! `schema/lint.toml`: what the rules may spare, and what they cannot see by themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Deserialize;

/// The content of `schema/lint.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Fields without an authorization rule.
    #[serde(default)]
    pub authorization: Exceptions,
    /// Lists that are short by what they hold: coordinate and why.
    #[serde(default)]
    pub closed_lists: BTreeMap<String, String>,
    /// The subgraph that owns an entity which several subgraphs resolve.
    #[serde(default)]
    pub owners: BTreeMap<String, String>,
}

/// A list of exceptions that only shrinks: more entries than `at_most` are a finding, and so is a
/// number that is larger than it needs to be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// How many entries there may be.
    #[serde(default)]
    pub at_most: usize,
    /// Coordinates.
    #[serde(default)]
    pub exceptions: BTreeSet<String>,
}

/// Why `lint.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, #[source] std::io::Error),
    /// It is not what it should be.
    #[error("{0}: {1}")]
    Parse(String, #[source] toml::de::Error),
}

impl Settings {
    /// Reads the file; a missing one spares nothing.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| SettingsError::Parse(shown, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(SettingsError::Read(shown, error)),
        }
    }
}
