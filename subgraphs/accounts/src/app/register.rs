//! Registration.

use atelier_contracts::accounts::UserRegistered;
use atelier_kit::{
    actor::Actor,
    error::{Fail, Refusal},
};
use serde_json::json;

use super::{
    Accounts,
    device::Device,
    login::signed_in,
    name::{self, EmailAddress, Username},
    password::{self, queue::Line},
    session::{self, SignedIn},
    throttle::{Counter, seconds},
};
use crate::{
    db::{self, account::NewAccount},
    error::{AccountsErrorCode as Code, Outcome},
    kinds::UserKind,
};

/// An account to be created.
pub struct Registration {
    pub email: String,
    pub username: String,
    pub password: String,
    pub display_name: Option<String>,
}

/// Creates an account and signs its owner in.
///
/// Whether the username or the email address is taken is not revealed, and is only checked after
/// the password has been hashed. Whatever the outcome, it counts as one of the caller's attempts.
pub async fn register(
    accounts: &Accounts,
    actor: &Actor,
    wanted: Registration,
) -> Outcome<SignedIn> {
    let (username, email, shown) = check(&wanted)?;
    let counters = Counter::registrations(actor, accounts.config.registrations_per_network);
    if let Some(wait) = accounts.attempt_all(&counters).await {
        return Err(Refusal::new(Code::TooManyAttempts, "input")
            .with("retryAfterSeconds", seconds(wait))
            .into());
    }
    let hash = accounts
        .passwords
        .hash(
            wanted.password,
            accounts.deps.random_bytes(),
            Line::registration(actor),
        )
        .await?;
    let now = accounts.now();
    let new = NewAccount {
        id: accounts.deps.new_id(),
        username: &username.shown,
        username_folded: &username.folded,
        username_skeleton: &username.skeleton,
        email: Some(&email.shown),
        email_folded: Some(&email.folded),
        display_name: &shown,
        kind: UserKind::Human,
        plan_started_at: now,
        created_at: now,
        updated_at: now,
    };
    let opened = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let Some(account) = db::account::insert(tx, &new).await? else {
                return Err(Fail::refused(Code::IdentityTaken, "input"));
            };
            db::credential::set(tx, account.id, &hash, now).await?;
            tx.emit(&UserRegistered {
                user: account.id,
                username: account.username.clone(),
            });
            let device = Device::new(&accounts.deps, account.id);
            let opened = session::open(accounts, tx, actor, account.clone(), &device).await?;
            let (actor, target) = signed_in(actor, &account, &opened);
            accounts
                .record(tx, &actor, "auth.register", target, json!({}))
                .await?;
            Ok(opened)
        })
        .await?;
    opened.sign(accounts).await.map_err(Fail::from)
}

fn check(wanted: &Registration) -> Outcome<(Username, EmailAddress, String)> {
    let username =
        Username::parse(&wanted.username).map_err(|code| Refusal::new(code, "input.username"));
    let email =
        EmailAddress::parse(&wanted.email).map_err(|code| Refusal::new(code, "input.email"));
    let about = [
        wanted.username.as_str(),
        wanted.email.as_str(),
        wanted.email.split('@').next().unwrap_or_default(),
    ];
    let password = password::check(&wanted.password, &about)
        .map_err(|code| Refusal::new(code, "input.password"));
    let shown = wanted.display_name.as_deref().map(name::display);
    let shown = shown.transpose();
    match (username, email, password, shown) {
        (Ok(username), Ok(email), Ok(()), Ok(shown)) => {
            let shown = shown.filter(|name| !name.is_empty());
            let shown = shown.unwrap_or_else(|| username.shown.clone());
            Ok((username, email, shown))
        }
        (username, email, password, shown) => {
            let refusals = [username.err(), email.err(), password.err(), shown.err()];
            Err(Fail::Refused(refusals.into_iter().flatten().collect()))
        }
    }
}
