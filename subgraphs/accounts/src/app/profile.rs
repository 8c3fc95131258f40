//! Changes that users make to their own accounts.

use atelier_contracts::{accounts::UserUpdated, media::Asset};
use atelier_kit::{
    actor::Actor,
    error::{Fail, Refusal},
    id::Id,
};
use serde_json::json;

use super::{
    Accounts,
    authority::{ACCOUNT_WRITE, require_own, require_session},
    avatar, name,
    password::{self, queue::Line},
    proof::require_password,
    session, text,
};
use crate::{
    db::{
        self,
        account::{AccountRow, Profile},
        session::Which,
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::RevokedReason,
};

/// The longest description of oneself, in characters.
const BIO: usize = 1000;

/// A change of a profile: `None` leaves a field unchanged, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct ProfileChange {
    pub display_name: Option<String>,
    pub bio: Option<Option<String>>,
    pub avatar_id: Option<Option<Id<Asset>>>,
}

/// Changes the caller's profile.
pub async fn update(
    accounts: &Accounts,
    actor: &Actor,
    change: ProfileChange,
) -> Outcome<AccountRow> {
    let user = require_own(actor, ACCOUNT_WRITE)?;
    let display_name = change.display_name.as_deref().map(name::display);
    let display_name = display_name.transpose()?;
    if display_name.as_deref() == Some("") {
        return Err(Fail::refused(Code::Required, "input.displayName"));
    }
    let bio = change.bio.map(|bio| {
        bio.as_deref()
            .map(text::clean)
            .filter(|bio| !bio.is_empty())
    });
    if bio.iter().flatten().any(|bio| bio.chars().count() > BIO) {
        return Err(Refusal::new(Code::TooLong, "input.bio")
            .with("max", BIO)
            .into());
    }
    if let Some(asset) = change.avatar_id.flatten() {
        avatar::publish(accounts, user, asset).await?;
    }
    let profile = Profile {
        display_name,
        bio,
        avatar_id: change.avatar_id,
        updated_at: Some(accounts.now()),
    };
    let account = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            if let Some(new) = profile.avatar_id {
                let before = db::account::lock(tx, user).await?;
                let old = before.and_then(|before| before.avatar_id);
                let changed = old.filter(|_| old != new).into_iter().chain(new);
                avatar::note_change(accounts, tx, user, changed).await?;
            }
            let account = db::account::update_profile(tx, user, &profile).await?;
            tx.emit(&UserUpdated { user });
            Ok(account)
        })
        .await?;
    if profile.avatar_id.is_some() {
        avatar::settle(accounts, user).await;
    }
    Ok(account)
}

/// Changes the caller's password and ends all their other sessions.
pub async fn change_password(
    accounts: &Accounts,
    actor: &Actor,
    current: String,
    new: String,
) -> Outcome<AccountRow> {
    let user = require_session(actor)?;
    require_password(accounts, actor, current, "input.currentPassword").await?;
    let account = {
        let mut connection = accounts.deps.read().await?;
        db::account::find(&mut connection, user)
            .await?
            .ok_or_else(|| Fail::refused(Code::NotFound, "input"))?
    };
    let about = [
        account.username.as_str(),
        account.email.as_deref().unwrap_or_default(),
    ];
    password::check(&new, &about).map_err(|code| Refusal::new(code, "input.newPassword"))?;
    let hash = accounts
        .passwords
        .hash(new, accounts.deps.random_bytes(), Line::sign_in(actor))
        .await?;
    let now = accounts.now();
    let which = actor.session_id().map_or(Which::All, Which::AllBut);
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            db::credential::set(tx, user, &hash, now).await?;
            session::end(
                accounts,
                tx,
                actor,
                &account,
                which,
                RevokedReason::PasswordChanged,
            )
            .await?;
            accounts
                .record(tx, actor, "password.change", Some(user.uuid()), json!({}))
                .await?;
            Ok(())
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(account)
}
