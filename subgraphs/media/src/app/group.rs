//! Who belongs to the groups to which files are shown, as their domains tell.

use std::collections::BTreeSet;

use async_trait::async_trait;
use atelier_contracts::audience::{GroupFact, Membership};
use atelier_kit::{delivery::Consume, error::Error, event::Told as ToldFact, transaction::Tx};
use chrono::TimeDelta;

use super::Media;
use crate::db::{
    audience,
    group::{self, Memberships, Told},
};

/// Rows that are forgotten in one transaction.
const BATCH: i64 = 500;
/// How long it is remembered that somebody is no longer a member, or that a group is gone: no fact comes
/// as late as that.
const REMEMBER: TimeDelta = TimeDelta::days(30);

/// Keeps what is told about groups.
pub struct KeepGroups(pub Media);

#[async_trait]
impl Consume<GroupFact> for KeepGroups {
    async fn consume(&self, tx: &mut Tx, facts: &[ToldFact<GroupFact>]) -> Result<(), Error> {
        let now = self.0.deps.clock.now();
        let (mut memberships, mut deleted) = (Memberships::new(), BTreeSet::new());
        for told in facts {
            match &told.fact {
                GroupFact::MemberAdded(membership) => note(&mut memberships, membership, true),
                GroupFact::MemberRemoved(membership) => note(&mut memberships, membership, false),
                GroupFact::GroupDeleted { group } => drop(deleted.insert(group.clone())),
            }
        }
        group::set_members(tx, &memberships, now).await?;
        group::set_deleted(tx, &deleted, now).await
    }
}

/// Notes a membership, unless what is noted already is later.
fn note(memberships: &mut Memberships, membership: &Membership, is_member: bool) {
    let told = Told {
        revision: membership.revision,
        is_member,
    };
    memberships
        .entry((membership.group.clone(), membership.user))
        .and_modify(|known| {
            if known.revision < told.revision {
                *known = told;
            } else if known.revision == told.revision {
                known.is_member &= is_member;
            }
        })
        .or_insert(told);
}

/// Forgets a batch of what deleted groups have left, and what nobody needs to remember; tells whether
/// that was all.
pub async fn forget_some(media: &Media) -> Result<bool, Error> {
    let before = media.deps.clock.now() - REMEMBER;
    let most = media
        .deps
        .transaction(async |tx| {
            let detached = audience::delete_of_deleted_groups(tx, BATCH).await?;
            let members = group::delete_of_deleted_groups(tx, BATCH).await?;
            let former = group::delete_former(tx, before, BATCH).await?;
            let groups = group::delete_deleted(tx, before, BATCH).await?;
            Ok::<_, Error>(detached.max(members).max(former).max(groups))
        })
        .await?;
    Ok(i64::try_from(most).is_ok_and(|most| most < BATCH))
}
