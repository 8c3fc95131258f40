//! What the caller must prove before an operation that could take over their account.

use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode, Fail, Refusal},
};

use super::{
    Accounts,
    password::Verified,
    throttle::{Counter, seconds},
};
use crate::{
    db,
    error::{AccountsErrorCode as Code, Outcome},
};

/// What could take over the account is only for those who have signed in, not for their programs.
pub fn require_session(actor: &Actor) -> Result<(), Error> {
    match actor.session_id() {
        Some(_) => Ok(()),
        None => Err(Error::with_detail(
            ErrorCode::Forbidden,
            "This needs a sign-in; access tokens and API keys cannot do it.",
        )),
    }
}

/// Compares a password with the caller's; guesses are slowed down like those of a sign-in.
pub async fn require_password(
    accounts: &Accounts,
    actor: &Actor,
    password: String,
    path: &str,
) -> Outcome<()> {
    let user = actor.require_user()?;
    let counter = Counter::account(&user.to_string());
    if let Some(wait) = accounts.attempt(std::slice::from_ref(&counter)).await {
        return Err(Refusal::new(Code::TooManyAttempts, path)
            .with("retryAfterSeconds", seconds(wait))
            .into());
    }
    let stored = {
        let mut connection = accounts.deps.db.read().await?;
        db::credential::find(&mut connection, user).await?
    };
    if accounts.passwords.verify(password, stored).await? == Verified::No {
        return Err(Fail::refused(Code::InvalidCredentials, path));
    }
    accounts.clear(&counter).await;
    Ok(())
}
