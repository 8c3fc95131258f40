//! Signing in by password.

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

/// Who signs in.
pub struct Wanted {
    /// The username or the email address.
    pub called: String,
    pub password: String,
    /// What the client got when somebody signed in there before.
    pub device_token: Option<String>,
}

/// Signs in with a username or an email address.
///
/// Unknown accounts and wrong passwords get the same answer after the same work.
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

/// Somebody who has given the right password.
struct Proved<'a> {
    account: &'a AccountRow,
    /// The hash it was compared with.
    stored: &'a str,
    /// The password, if it is to be hashed anew.
    outdated: Option<String>,
    /// Where they have signed in before.
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

/// The caller as whom they have just proved to be, for the audit log.
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

/// Whom somebody means, and the name to count their attempts by.
fn called(called: &str) -> (Login, String) {
    let called: String = called.chars().take(320).collect();
    if called.contains('@') {
        // A malformed address belongs to nobody: the usual work is done for it too.
        let folded = EmailAddress::parse(&called)
            .map_or_else(|_| name::fold(&called), |address| address.folded);
        (Login::Email(folded.clone()), folded)
    } else {
        let folded = name::fold(&called);
        (Login::Username(folded.clone()), folded)
    }
}

/// What an attempt to sign in is charged to.
struct Tries {
    /// The device's, or the network's at this account.
    own: Counter,
    /// That of all new devices at this account.
    stranger: Option<Counter>,
    /// The network's at all accounts.
    network: Option<Counter>,
}

impl Tries {
    /// Charges the attempt; the time to wait if it is refused.
    async fn charge(&self, accounts: &Accounts) -> Option<TimeDelta> {
        if let Some(wait) = accounts.attempt_all(self.network.as_slice()).await {
            return Some(wait);
        }
        let own = accounts.attempt(&self.own).await;
        match &self.stranger {
            // Only its free guesses: one network cannot use up what all others have.
            Some(stranger) if own.refused.is_none() && own.free => {
                accounts.attempt(stranger).await.refused
            }
            _ => own.refused,
        }
    }

    /// Forgets the failures of somebody who has proved themselves.
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
