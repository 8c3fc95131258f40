//! The sweep: expired reservations are given back, due accounts erased, old rows deleted, and media hears
//! of changed pictures.

use std::time::Duration;

use atelier_kit::error::Error;
use chrono::TimeDelta;

use super::{Accounts, avatar, deletion, reservation};
use crate::db::retention::{Aged, forget};

/// The time between two sweeps. Every process sweeps; what one has done, the others find done.
pub const EVERY: Duration = Duration::from_secs(30);
/// The most rows in one transaction.
const BATCH: i64 = 200;
/// How long old rows are kept: sessions and refresh tokens, to recognise stolen tokens;
/// reservations, so that a repeated release finds what it gave back; the ledger, for questions
/// about the past; sign-ins, to find out how an account was taken over.
const KEPT: [(Aged, TimeDelta); 5] = [
    (Aged::Sessions, TimeDelta::days(30)),
    (Aged::RefreshTokens, TimeDelta::days(30)),
    (Aged::Reservations, TimeDelta::days(90)),
    (Aged::Ledger, TimeDelta::days(2 * 365)),
    (Aged::SignIns, TimeDelta::days(180)),
];
/// The most batches of each kind that one sweep deletes; the next sweep continues.
const ROUNDS: usize = 50;

/// Runs one sweep.
///
/// # Errors
/// If the database cannot be reached.
pub async fn sweep(accounts: &Accounts) -> Result<(), Error> {
    while reservation::expire(accounts, BATCH).await? > 0 {}
    while deletion::erase_due(accounts, BATCH).await? > 0 {}
    accounts.keys.rotate_if_due(&accounts.deps).await?;
    for (aged, kept) in KEPT {
        forget_aged(accounts, aged, kept).await?;
    }
    // Last: it needs another domain, which may not answer.
    while avatar::settle_due(accounts, None).await? > 0 {}
    Ok(())
}

async fn forget_aged(accounts: &Accounts, aged: Aged, kept: TimeDelta) -> Result<(), Error> {
    let before = accounts.now() - kept;
    for _ in 0..ROUNDS {
        let gone = accounts
            .deps
            .statement(async |tx| forget(tx, aged, before, BATCH).await)
            .await?;
        if i64::try_from(gone).is_ok_and(|gone| gone < BATCH) {
            break;
        }
    }
    Ok(())
}
