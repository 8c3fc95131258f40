//! Users' pictures: media shows to everybody what a profile shows, and nothing else for that reason.
//!
//! Media is asked before the profile changes, because only it knows whose file it is and what is in it.
//! Whatever fails in between, the two agree in the end: what is asked is noted before, what changes is
//! noted with the change, and a note is only deleted when media has heard how the profile is.

use atelier_contracts::{
    audience::{
        AttachmentRefusalReason, Audience, AudienceAttachInput, AudienceDetachInput, WireId,
    },
    media::{Asset, AssetKind},
};
use atelier_kit::{
    error::{Error, ErrorCode, Fail},
    id::{Id, User},
    transaction::Tx,
};
use chrono::TimeDelta;

use super::Accounts;
use crate::{
    db::avatar_change::{self, ClaimedChange},
    error::{AccountsErrorCode as Code, Outcome},
};

/// The most changes that are settled at once.
const BATCH: i64 = 20;
/// How often a request looks for changes that came while it told media of others.
const ROUNDS: usize = 3;
/// When a picture that was published is looked at again if its profile has not changed by then.
const ABANDONED: TimeDelta = TimeDelta::minutes(5);
/// How long settling one change may take; after that, somebody else does it.
const CLAIM: TimeDelta = TimeDelta::minutes(2);

/// Publishes a picture that the user's profile is about to show.
///
/// # Errors
/// Refused if the file is not a picture of the user's; `UNAVAILABLE` if media does not answer, and then
/// nothing has changed.
pub async fn publish(accounts: &Accounts, user: Id<User>, asset: Id<Asset>) -> Outcome<()> {
    let token = accounts.deps.new_uuid();
    let abandoned = accounts.now() + ABANDONED;
    accounts
        .deps
        .statement::<_, Error, _>(async |tx| {
            avatar_change::note(tx, user, asset, token, abandoned).await
        })
        .await?;
    let Some(reason) = attach(accounts, user, asset).await? else {
        return Ok(());
    };
    accounts
        .deps
        .statement::<_, Error, _>(async |tx| avatar_change::delete(tx, user, asset, token).await)
        .await?;
    let code = match reason {
        AttachmentRefusalReason::NotFound => Code::NotFound,
        AttachmentRefusalReason::WrongKind => Code::AvatarNotPicture,
    };
    Err(Fail::refused(code, "input.avatarId"))
}

/// Notes, in the transaction of the change, that a profile shows another picture.
pub async fn note_change(
    accounts: &Accounts,
    tx: &mut Tx,
    user: Id<User>,
    pictures: impl IntoIterator<Item = Id<Asset>>,
) -> Result<(), Error> {
    let now = accounts.now();
    for asset in pictures {
        avatar_change::note(tx, user, asset, accounts.deps.new_uuid(), now).await?;
    }
    Ok(())
}

/// Tells media what the profile of a user shows by now. What fails the sweep does.
pub async fn settle(accounts: &Accounts, user: Id<User>) {
    for _ in 0..ROUNDS {
        match settle_due(accounts, Some(user)).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(target: "sweep", cause = error.cause_chain(), user = %user, "media hears of a picture later");
                return;
            }
        }
    }
}

/// Tells media what profiles show whose change it has not heard of; tells how many changes were settled.
/// Repeat until it returns 0.
pub async fn settle_due(accounts: &Accounts, user: Option<Id<User>>) -> Result<usize, Error> {
    let now = accounts.now();
    let claimed = accounts
        .deps
        .transaction::<_, Error, _>(async |tx| {
            avatar_change::claim(tx, user, now, now + CLAIM, BATCH).await
        })
        .await?;
    let mut failed = None;
    for change in &claimed {
        if let Err(error) = settle_one(accounts, change).await {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(claimed.len()), Err)
}

async fn settle_one(accounts: &Accounts, change: &ClaimedChange) -> Result<(), Error> {
    if change.is_avatar {
        // If it is refused by now, because the file is in the trash, there is nothing to show.
        attach(accounts, change.account_id, change.asset_id).await?;
    } else {
        detach(accounts, change.account_id, change.asset_id).await?;
    }
    let finished = accounts
        .deps
        .transaction::<_, Error, _>(async |tx| avatar_change::finish(tx, change).await)
        .await?;
    if !finished {
        tracing::debug!(user = %change.account_id, "the picture was changed meanwhile");
    }
    Ok(())
}

async fn attach(
    accounts: &Accounts,
    user: Id<User>,
    asset: Id<Asset>,
) -> Result<Option<AttachmentRefusalReason>, Error> {
    let command = AudienceAttachInput {
        audience: Audience::Public,
        subject: WireId::from(user),
        user_id: user,
        asset_ids: vec![asset],
        kind: Some(AssetKind::Image),
    };
    let answer = accounts.deps.command(&command).await?.map_err(unexpected)?;
    Ok(answer.refused.first().map(|refused| refused.reason))
}

async fn detach(accounts: &Accounts, user: Id<User>, asset: Id<Asset>) -> Result<(), Error> {
    let command = AudienceDetachInput {
        audience: Audience::Public,
        subject: WireId::from(user),
        asset_ids: vec![asset],
    };
    accounts.deps.command(&command).await?.map_err(unexpected)?;
    Ok(())
}

/// Media refuses a list of one file, which it never does.
fn unexpected(refusal: atelier_contracts::audience::AudienceRefusal) -> Error {
    Error::caused(ErrorCode::Internal, format!("media: {refusal:?}"))
}
