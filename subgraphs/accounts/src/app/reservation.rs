//! Reserving, committing and releasing quotas for other domains.
//!
//! A domain identifies each reservation by a key that it chooses. Every operation may be repeated:
//! it then changes nothing and returns the current state.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{Id, User},
    transaction::Tx,
};
use chrono::TimeDelta;

use super::Accounts;
use crate::{
    db::{
        quota::{self, QuotaRow},
        reservation::{self, NewEntry, ReservationRow},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{EntryKind, Meter, ReservationState, UserStatus},
};

/// The largest amount of a reservation: 2^50, or 1 PiB, well within the range of `Long`.
const MOST: i64 = 1 << 50;
/// How long a reservation is held by default.
pub const KEPT: TimeDelta = TimeDelta::days(7);
/// The longest time that a reservation can be held.
const LONGEST: TimeDelta = TimeDelta::days(30);
/// The longest key, in bytes.
const KEY: usize = 200;

/// A reservation to be made.
pub struct Wanted {
    pub user: Id<User>,
    pub meter: Meter,
    pub amount: i64,
    pub key: String,
    pub keep: TimeDelta,
}

/// Reserves an amount.
pub async fn reserve(
    accounts: &Accounts,
    actor: &Actor,
    wanted: Wanted,
) -> Outcome<ReservationRow> {
    let service = actor.require_service()?.to_owned();
    check(&wanted)?;
    let now = accounts.now();
    let new = ReservationRow {
        service,
        key: wanted.key,
        account_id: wanted.user,
        meter: wanted.meter,
        amount: wanted.amount,
        state: ReservationState::Reserved,
        committed: None,
        created_at: now,
        expires_at: now + wanted.keep,
    };
    // Done before the transaction, which begins by taking the key. If the account does not exist,
    // neither does the row.
    accounts
        .deps
        .statement(async |tx| quota::ensure(tx, new.account_id, new.meter).await)
        .await?;
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let account = crate::db::account::find(tx, new.account_id).await?;
            if account.is_none_or(|account| account.status == UserStatus::Deleted) {
                return Err(Fail::refused(Code::NotFound, "input.userId"));
            }
            if !reservation::insert(tx, &new).await? {
                return repeat(tx, &new).await;
            }
            let Some(row) = quota::hold(tx, new.account_id, new.meter, new.amount, now).await?
            else {
                return Err(exceeded(accounts, tx, &new).await?.into());
            };
            note(accounts, tx, &new, EntryKind::Reserve, new.amount, &row).await?;
            Ok(new.clone())
        })
        .await
}

fn check(wanted: &Wanted) -> Outcome<()> {
    if wanted.key.is_empty() || wanted.key.len() > KEY || wanted.key.contains('\0') {
        return Err(Refusal::new(Code::TooLong, "input.key")
            .with("max", KEY)
            .into());
    }
    if !(1..=MOST).contains(&wanted.amount) {
        return Err(Refusal::new(Code::AmountInvalid, "input.amount")
            .with("min", 1)
            .with("max", MOST)
            .into());
    }
    if wanted.keep <= TimeDelta::zero() || wanted.keep > LONGEST {
        return Err(Refusal::new(Code::AmountInvalid, "input.expiresInSeconds")
            .with("min", 1)
            .with("max", LONGEST.num_seconds())
            .into());
    }
    Ok(())
}

/// Returns the reservation that already has the key, if it has the same values.
async fn repeat(tx: &mut Tx, new: &ReservationRow) -> Outcome<ReservationRow> {
    let known = reservation::lock(tx, &new.service, &new.key).await?;
    known
        .filter(|known| {
            (known.account_id, known.meter, known.amount) == (new.account_id, new.meter, new.amount)
        })
        .ok_or_else(|| Fail::refused(Code::IdempotencyKeyReused, "input.key"))
}

async fn exceeded(
    accounts: &Accounts,
    tx: &mut Tx,
    new: &ReservationRow,
) -> Result<Refusal<Code>, Error> {
    let quotas = quota::of_account(tx, new.account_id, accounts.now()).await?;
    let remaining = quotas
        .iter()
        .find(|row| row.meter == new.meter)
        .and_then(QuotaRow::remaining)
        .unwrap_or(0);
    Ok(Refusal::new(Code::QuotaExceeded, "input.amount")
        .with("meter", new.meter.as_str())
        .with("remaining", remaining))
}

/// Marks a reserved amount, or `used` of it, as used; the rest is given back. If the reservation
/// has expired, the amount is reserved again, provided that enough is left.
pub async fn commit(
    accounts: &Accounts,
    actor: &Actor,
    key: &str,
    used: Option<i64>,
) -> Outcome<ReservationRow> {
    let service = actor.require_service()?;
    let now = accounts.now();
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let known = get(tx, service, key).await?;
            let used = used.unwrap_or(known.amount);
            if !(0..=known.amount).contains(&used) {
                return Err(Refusal::new(Code::AmountInvalid, "input.amount")
                    .with("min", 0)
                    .with("max", known.amount)
                    .into());
            }
            match known.state {
                ReservationState::Reserved => {}
                ReservationState::Committed => return Ok(known),
                ReservationState::Released => {
                    return Err(Refusal::new(Code::ReservationClosed, "input.key")
                        .with("state", known.state.as_str())
                        .into());
                }
                ReservationState::Expired => {
                    if quota::hold(tx, known.account_id, known.meter, known.amount, now)
                        .await?
                        .is_none()
                    {
                        return Err(exceeded(accounts, tx, &known).await?.into());
                    }
                }
            }
            let settled =
                reservation::settle(tx, &known, ReservationState::Committed, Some(used), now)
                    .await?;
            if let Some(row) =
                quota::shift(tx, known.account_id, known.meter, -known.amount, used, now).await?
            {
                note(accounts, tx, &known, EntryKind::Commit, used, &row).await?;
            }
            Ok(settled)
        })
        .await
}

/// Gives back a reserved amount or, if it is committed, the used amount.
pub async fn release(accounts: &Accounts, actor: &Actor, key: &str) -> Outcome<ReservationRow> {
    let service = actor.require_service()?;
    let now = accounts.now();
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let known = get(tx, service, key).await?;
            let (kind, amount, reserved, used) = match known.state {
                ReservationState::Reserved => (EntryKind::Release, known.amount, -known.amount, 0),
                ReservationState::Committed => {
                    let used = known.committed.unwrap_or(0);
                    (EntryKind::Refund, used, 0, -used)
                }
                ReservationState::Released | ReservationState::Expired => return Ok(known),
            };
            let settled =
                reservation::settle(tx, &known, ReservationState::Released, known.committed, now)
                    .await?;
            if let Some(row) =
                quota::shift(tx, known.account_id, known.meter, reserved, used, now).await?
            {
                note(accounts, tx, &known, kind, amount, &row).await?;
            }
            Ok(settled)
        })
        .await
}

/// Gives back the amounts of expired reservations and returns how many there were. Repeat until it
/// returns 0.
pub async fn expire(accounts: &Accounts, limit: i64) -> Result<usize, Error> {
    let now = accounts.now();
    accounts
        .deps
        .transaction::<_, Error, _>(async |tx| {
            let mut expired = reservation::expire(tx, now, limit).await?;
            // Quotas are locked in a fixed order, so that two sweeps cannot deadlock.
            expired.sort_by_key(|known| (known.account_id, known.meter));
            for known in &expired {
                if let Some(row) =
                    quota::shift(tx, known.account_id, known.meter, -known.amount, 0, now).await?
                {
                    note(accounts, tx, known, EntryKind::Expire, known.amount, &row).await?;
                }
            }
            Ok(expired.len())
        })
        .await
}

async fn get(tx: &mut Tx, service: &str, key: &str) -> Outcome<ReservationRow> {
    reservation::lock(tx, service, key)
        .await?
        .ok_or_else(|| Fail::refused(Code::NotFound, "input.key"))
}

/// Writes an entry to the ledger and emits the fact that the user's quota has changed.
async fn note(
    accounts: &Accounts,
    tx: &mut Tx,
    of: &ReservationRow,
    kind: EntryKind,
    amount: i64,
    row: &QuotaRow,
) -> Result<(), Error> {
    let entry = NewEntry {
        id: accounts.deps.new_uuid(),
        account_id: of.account_id,
        meter: of.meter,
        kind,
        amount,
        service: Some(of.service.clone()),
        key: Some(of.key.clone()),
        at: accounts.now(),
    };
    reservation::enter(tx, &[entry]).await?;
    tx.emit(&super::quota::changed(of.account_id, row));
    Ok(())
}
