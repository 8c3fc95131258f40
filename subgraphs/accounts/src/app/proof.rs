//! The password, asked for again before operations that could take over an account.

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

/// Requires the caller's password. Failed attempts are slowed down as in a sign-in, for each
/// session separately, so that attempts in one session do not lock the owner out of another.
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
