//! Signing in by password.

use atelier_kit::{
    actor::Actor,
    error::{Fail, Refusal},
};
use diesel_async::AsyncConnection;

use super::{
    Accounts,
    name::{self, EmailAddress},
    password::Verified,
    session::{self, SignedIn},
    status,
    throttle::{Counter, seconds},
};
use crate::{
    db::{self, credential::Login},
    error::{AccountsErrorCode as Code, Outcome},
};

/// Signs in with a username or an email address.
///
/// Unknown accounts and wrong passwords get the same answer after the same work.
pub async fn login(
    accounts: &Accounts,
    actor: &Actor,
    called: &str,
    password: String,
) -> Outcome<SignedIn> {
    let called: String = called.chars().take(320).collect();
    let (login, folded) = if called.contains('@') {
        // A malformed address belongs to nobody: the usual work is done for it too.
        let folded = EmailAddress::parse(&called)
            .map_or_else(|_| name::fold(&called), |address| address.folded);
        (Login::Email(folded.clone()), folded)
    } else {
        let folded = name::fold(&called);
        (Login::Username(folded.clone()), folded)
    };
    let address = actor.ip.as_deref().map(Counter::address);
    let owner = Counter::account(&folded);
    let counters: Vec<Counter> = address.clone().into_iter().chain([owner.clone()]).collect();
    if let Some(wait) = accounts.attempt(&counters).await {
        return Err(Refusal::new(Code::TooManyAttempts, "input")
            .with("retryAfterSeconds", seconds(wait))
            .into());
    }
    let found = {
        let mut connection = accounts.deps.db.read().await?;
        db::credential::find_by_login(&mut connection, &login).await?
    };
    let (account, stored) = found.unzip();
    let verified = accounts
        .passwords
        .verify(password.clone(), stored.clone())
        .await?;
    let (Some(account), Some(stored), true) = (account, stored, verified != Verified::No) else {
        return Err(Fail::refused(Code::InvalidCredentials, "input"));
    };
    accounts.clear(&owner).await;
    if let Some(address) = &address {
        accounts.forgive(address).await;
    }
    status::require_usable(&account, accounts.now())?;
    let upgraded = match verified {
        Verified::Outdated => Some(
            accounts
                .passwords
                .hash(password, accounts.deps.random_bytes())
                .await?,
        ),
        Verified::Yes | Verified::No => None,
    };
    let now = accounts.now();
    let mut connection = accounts.deps.db.write().await?;
    let opened = connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            if let Some(hash) = &upgraded {
                db::credential::upgrade(connection, account.id, &stored, hash).await?;
            }
            db::account::note_login(connection, account.id, now).await?;
            session::open(accounts, connection, actor, account.clone())
                .await
                .map_err(Fail::from)
        })
        .await?;
    drop(connection);
    opened.sign(accounts).await.map_err(Fail::from)
}
