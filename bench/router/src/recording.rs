//! What the floor program replays: a plan's requests and the answer to the client.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The requests of a plan and the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recording {
    /// Requests of one step are sent at the same time, those of the next when
    /// all of these are answered.
    pub steps: Vec<Vec<Call>>,
    /// The body of the answer.
    pub answer: String,
}

/// A request to a subgraph.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Which subgraph, by its place in `shop::NAMES`.
    pub subgraph: usize,
    /// The request's body.
    pub body: String,
}

impl Recording {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_vec(self)?)?;
        Ok(())
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}
