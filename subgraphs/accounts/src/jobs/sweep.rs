//! The sweep: what has run out is given back, erased or forgotten.

use std::{sync::Arc, time::Duration};

use atelier_kit::error::Error;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{Accounts, deletion, reservation},
    db,
};

/// Between two sweeps. Every process sweeps: what one does, the others find done.
const EVERY: Duration = Duration::from_secs(30);
/// Rows in one transaction.
const BATCH: i64 = 200;
/// How long ended sessions are kept, so that a stolen refresh token is still recognised.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);

/// Sweeps until `stop`.
pub async fn run(accounts: Arc<Accounts>, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep(&accounts).await {
            tracing::warn!(
                cause = error.cause_chain(),
                "the accounts were not swept; trying again later"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One sweep.
///
/// # Errors
/// If the database cannot be reached.
pub async fn sweep(accounts: &Accounts) -> Result<(), Error> {
    while reservation::expire(accounts, BATCH).await? > 0 {}
    while deletion::erase_due(accounts, BATCH).await? > 0 {}
    accounts.keys.rotate_if_due(&accounts.deps).await?;
    let mut connection = accounts.deps.db.read().await?;
    db::session::delete_ended(&mut connection, accounts.now() - SESSIONS_KEPT).await?;
    Ok(())
}
