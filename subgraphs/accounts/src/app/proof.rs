//! What the caller must prove before an operation that could take over their account.

use atelier_kit::{
    actor::Actor,
    error::{Fail, Refusal},
};
use serde_json::json;

use super::{
    Accounts,
    authority::require_session,
    password::{Verified, queue::Line},
    throttle::{Counter, seconds},
};
use crate::{
    db,
    error::{AccountsErrorCode as Code, Outcome},
};

/// Compares a password with the caller's. Guesses are slowed down like those of a sign-in, each
/// session's by itself: who guesses in one does not lock its owner out of another.
pub async fn require_password(
    accounts: &Accounts,
    actor: &Actor,
    password: String,
    path: &str,
) -> Outcome<()> {
    let user = require_session(actor)?;
    let counter = Counter::step_up(actor);
    if let Some(wait) = accounts.attempt(&counter).await.refused {
        return Err(Refusal::new(Code::TooManyAttempts, path)
            .with("retryAfterSeconds", seconds(wait))
            .into());
    }
    let stored = {
        let mut connection = accounts.deps.read().await?;
        db::credential::find(&mut connection, user).await?
    };
    let line = Line::sign_in(actor);
    let right = accounts.passwords.verify(password, stored, line).await? != Verified::No;
    let action = if right {
        "auth.step_up"
    } else {
        "auth.step_up_failed"
    };
    accounts
        .note(actor, action, Some(user.uuid()), json!({ "for": path }))
        .await?;
    if !right {
        return Err(Fail::refused(Code::InvalidCredentials, path));
    }
    accounts.clear(&counter).await;
    Ok(())
}
