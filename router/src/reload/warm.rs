//! What is planned for a supergraph before it is served.

use std::sync::Arc;

use crate::cache_usage::Owner;
use crate::operation::PreparedOperation;
use crate::snapshot::{Entry, Snapshot};

impl Snapshot {
    /// Parses and plans what `old` was asked most.
    pub(super) async fn warm(&self, old: &Snapshot, most: usize) {
        for used in old.most_used(most) {
            // What the new schema refuses its clients will hear when they ask.
            let Ok(entry) = self.document(&used.text, Owner::default()).await else {
                continue;
            };
            entry.used(used.hits / 2);
            for variant in used.variants {
                self.again(&used.text, &entry, &variant.operation).await;
            }
        }
    }

    /// Parses and plans operations of subscriptions.
    pub(super) async fn prepare(&self, operations: Vec<Arc<PreparedOperation>>) {
        for operation in operations {
            let Some(text) = &operation.document.text else {
                continue;
            };
            if let Ok(entry) = self.document(text, Owner::default()).await {
                self.again(text, &entry, &operation).await;
            }
        }
    }

    /// Plans what an older snapshot has planned.
    async fn again(&self, text: &str, entry: &Arc<Entry>, operation: &PreparedOperation) {
        if operation.index >= entry.document.operations.len() {
            return;
        }
        let _ = self
            .variant(
                text,
                entry,
                operation.index,
                operation.conditions.clone(),
                operation.decisions.clone(),
                operation.deferral.clone(),
            )
            .await;
    }
}
