//! Signing in with a password.

use atelier_kit::{
    actor::{Actor, Identity},
    error::{Fail, Refusal},
};
use chrono::TimeDelta;
use serde_json::json;

use super::{
    Accounts,
    device::Device,
    name::{self, EmailAddress},
    password::{Verified, queue::Line},
    session::{self, SignedIn},
    status,
    throttle::{Counter, seconds},
};
use crate::{
    db::{self, account::AccountRow, credential::Login},
    error::{AccountsErrorCode as Code, Outcome},
};

/// A request to sign in.
pub struct Wanted {
    /// The username or the email address.
    pub called: String,
    pub password: String,
    /// The device token that the client got at an earlier sign-in.
    pub device_token: Option<String>,
}

/// Signs in with a username or an email address.
///
/// Unknown accounts and wrong passwords get the same answer, after the same work.
pub async fn login(accounts: &Accounts, actor: &Actor, wanted: Wanted) -> Outcome<SignedIn> {
    let (login, folded) = called(&wanted.called);
    let found = {
        let mut connection = accounts.deps.read().await?;
        db::credential::find_by_login(&mut connection, &login).await?
    };
    let (account, stored) = found.unzip();
    let device = wanted
        .device_token
        .as_deref()
        .zip(account.as_ref())
        .and_then(|(token, account)| Device::read(&accounts.config, token, account.id));
    let tries = Tries {
        own: match &device {
            Some(device) => Counter::device(device),
            None => Counter::guesses(&folded, actor),
        },
        stranger: device.is_none().then(|| Counter::guesses_anywhere(&folded)),
        network: device.is_none().then(|| Counter::network(actor)).flatten(),
    };
    if let Some(wait) = tries.charge(accounts).await {
        return Err(Refusal::new(Code::TooManyAttempts, "input")
            .with("retryAfterSeconds", seconds(wait))
            .into());
    }
    let (password, line) = (wanted.password.clone(), Line::sign_in(actor));
    let verified = accounts
        .passwords
        .verify(password, stored.clone(), line)
        .await?;
    let failed = async |code: Code| {
        let target = account.as_ref().map(|account| account.id.uuid());
        let details = json!({ "reason": code.spec().name, "knownDevice": device.is_some() });
        accounts
            .note(actor, "auth.login_failed", target, details)
            .await
    };
    let (Some(account), Some(stored), true) = (&account, &stored, verified != Verified::No) else {
        failed(Code::InvalidCredentials).await?;
        return Err(Fail::refused(Code::InvalidCredentials, "input"));
    };
    tries.settle(accounts).await;
    if let Err(refusal) = status::require_usable(account, accounts.now()) {
        failed(refusal.code).await?;
        return Err(refusal.into());
    }
    let proved = Proved {
        account,
        stored,
        outdated: (verified == Verified::Outdated).then_some(wanted.password),
        device,
    };
    enter(accounts, actor, proved).await
}

/// A caller who has given the right password.
struct Proved<'a> {
    account: &'a AccountRow,
    /// The hash that the password was compared with.
    stored: &'a str,
    /// The password, if it has to be hashed again.
    outdated: Option<String>,
    /// The device, if they have signed in on it before.
    device: Option<Device>,
}

async fn enter(accounts: &Accounts, actor: &Actor, proved: Proved<'_>) -> Outcome<SignedIn> {
    let Proved {
        account,
        stored,
        outdated,
        device,
    } = proved;
    let upgraded = match outdated {
        Some(password) => {
            let (salt, line) = (accounts.deps.random_bytes(), Line::sign_in(actor));
            Some(accounts.passwords.hash(password, salt, line).await?)
        }
        None => None,
    };
    let details = json!({ "knownDevice": device.is_some() });
    let device = device.unwrap_or_else(|| Device::new(&accounts.deps, account.id));
    let opened = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            if let Some(hash) = &upgraded {
                db::credential::upgrade(tx, account.id, stored, hash).await?;
            }
            db::account::note_login(tx, account.id, accounts.now()).await?;
            let opened = session::open(accounts, tx, actor, account.clone(), &device).await?;
            let (actor, target) = signed_in(actor, account, &opened);
            accounts
                .record(tx, &actor, "auth.login", target, details.clone())
                .await?;
            Ok(opened)
        })
        .await?;
    opened.sign(accounts).await.map_err(Fail::from)
}

/// Returns the caller as the user who has just signed in, for the audit log, with that user's id.
pub fn signed_in(
    actor: &Actor,
    account: &AccountRow,
    opened: &session::Opened,
) -> (Actor, Option<uuid::Uuid>) {
    let identity = Identity::User {
        user: account.id,
        session: Some(opened.session()),
    };
    let actor = Actor {
        identity,
        ..actor.clone()
    };
    (actor, Some(account.id.uuid()))
}

/// Returns how to look an account up, and the name by which attempts are counted.
fn called(called: &str) -> (Login, String) {
    let called: String = called.chars().take(320).collect();
    if called.contains('@') {
        // A malformed address belongs to no account, but is given the same work.
        let folded = EmailAddress::parse(&called)
            .map_or_else(|_| name::fold(&called), |address| address.folded);
        (Login::Email(folded.clone()), folded)
    } else {
        let folded = name::fold(&called);
        (Login::Username(folded.clone()), folded)
    }
}

/// The counters that an attempt to sign in is charged to.
struct Tries {
    /// The counter of the device, or of the network at this account.
    own: Counter,
    /// The counter of all new devices at this account.
    stranger: Option<Counter>,
    /// The counter of the network at all accounts.
    network: Option<Counter>,
}

impl Tries {
    /// Charges the attempt; returns the time to wait if it is refused.
    async fn charge(&self, accounts: &Accounts) -> Option<TimeDelta> {
        if let Some(wait) = accounts.attempt_all(self.network.as_slice()).await {
            return Some(wait);
        }
        let own = accounts.attempt(&self.own).await;
        match &self.stranger {
            // Only its free attempts, so that one network cannot use up those of all others.
            Some(stranger) if own.refused.is_none() && own.free => {
                accounts.attempt(stranger).await.refused
            }
            _ => own.refused,
        }
    }

    /// Clears the failures of a caller who has given the right password.
    async fn settle(&self, accounts: &Accounts) {
        accounts.clear(&self.own).await;
        if let Some(stranger) = &self.stranger {
            accounts.clear(stranger).await;
        }
        if let Some(network) = &self.network {
            accounts.forgive(network).await;
        }
    }
}
