//! What the domain decides: who may do what, and one transaction per change.

pub mod lamp;

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{
    delivery::Consume,
    error::Error,
    event::Told,
    id::{Id, User},
    transaction::Tx,
};

/// Deletes what belongs to people whose accounts are gone.
pub struct ForgetUser;

#[async_trait::async_trait]
impl Consume<UserDeleted> for ForgetUser {
    async fn consume(&self, tx: &mut Tx, facts: &[Told<UserDeleted>]) -> Result<(), Error> {
        let users: Vec<Id<User>> = facts.iter().map(|told| told.fact.user).collect();
        lamp::forget(tx, &users).await?;
        Ok(())
    }
}
