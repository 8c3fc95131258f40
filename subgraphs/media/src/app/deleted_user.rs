//! Forgetting users whose accounts are gone: their uploads end, their files are purged, they belong to no
//! group.
//!
//! Somebody may have very many files, so a fact is only noted in its transaction; the sweep works the
//! notes off in batches. A user stays noted for a day after nothing was found: until then a request that
//! was under way when the account went may still leave something.

use async_trait::async_trait;
use atelier_contracts::{accounts::UserDeleted, media::UploadStatus};
use atelier_kit::{
    delivery::Consume,
    error::Error,
    event::Told,
    id::{Id, User},
    transaction::Tx,
};
use chrono::TimeDelta;

use super::{Media, asset, upload};
use crate::db::{
    asset as assets,
    deleted_user::{self, DeletedUserRow},
    group, upload as uploads,
};

/// Uploads, and files, that are removed in one transaction.
const BATCH: i64 = 100;
/// When to look again while something waits for accounts, for the store or for a request.
const SOON: TimeDelta = TimeDelta::minutes(1);
/// When to look again once nothing was left.
const LATER: TimeDelta = TimeDelta::hours(1);
/// How long a request that began before the account went may take at most.
const REMEMBER: TimeDelta = TimeDelta::days(1);

/// Notes users whose accounts are gone.
pub struct ForgetUser(pub Media);

#[async_trait]
impl Consume<UserDeleted> for ForgetUser {
    async fn consume(&self, tx: &mut Tx, facts: &[Told<UserDeleted>]) -> Result<(), Error> {
        let now = self.0.deps.clock.now();
        let rows: Vec<_> = facts
            .iter()
            .map(|told| DeletedUserRow {
                user_id: told.fact.user,
                noted_at: now,
                due_at: now,
            })
            .collect();
        deleted_user::insert(tx, &rows).await
    }
}

/// Removes a batch of what one deleted user still has; tells how much, `None` if there is nobody to
/// look at.
pub async fn forget_some(media: &Media) -> Result<Option<usize>, Error> {
    media
        .deps
        .transaction(async |tx| {
            let now = media.deps.clock.now();
            let Some(row) = deleted_user::lock_due(tx, now).await? else {
                return Ok(None);
            };
            let removed = remove_some(tx, media, row.user_id).await?;
            if removed > 0 {
                return Ok(Some(removed));
            }
            if uploads::any_of_owner(tx, row.user_id).await? {
                deleted_user::postpone(tx, row.user_id, now + SOON).await?;
            } else if row.noted_at + REMEMBER > now {
                deleted_user::postpone(tx, row.user_id, now + LATER).await?;
            } else {
                deleted_user::delete(tx, row.user_id).await?;
            }
            Ok(Some(0))
        })
        .await
}

async fn remove_some(tx: &mut Tx, media: &Media, user: Id<User>) -> Result<usize, Error> {
    let now = media.deps.clock.now();
    let open = uploads::lock_unfinished(tx, user, now, BATCH).await?;
    upload::discard(tx, media, &open, UploadStatus::Aborted).await?;
    let files = assets::lock_of_owner(tx, user, BATCH).await?;
    asset::remove(tx, media, &files).await?;
    // What has left nothing behind goes at once: it holds the names of files.
    uploads::delete_settled(tx, Some(user), now, BATCH).await?;
    let memberships = group::delete_of_user(tx, user, BATCH).await?;
    Ok(open.len() + files.len() + memberships)
}
