//! What becomes of a person's tasks once their account is deleted.

use async_trait::async_trait;
use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{delivery::Consume, error::Error, event::Told, transaction::Tx};

use crate::engine::Engine;

/// Forgets people whose accounts are gone; hearing of it twice changes nothing.
pub struct ForgetUser(pub Engine);

#[async_trait]
impl Consume<UserDeleted> for ForgetUser {
    /// However many tasks there are, this is short: they follow in batches of their own.
    async fn consume(&self, tx: &mut Tx, deleted: &[Told<UserDeleted>]) -> Result<(), Error> {
        let users: Vec<_> = deleted.iter().map(|told| told.fact.user).collect();
        self.0.delete_users(tx, &users).await
    }
}
