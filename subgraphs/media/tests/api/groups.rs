//! Who belongs to the groups to which files are shown: facts of other domains.

use std::{
    slice::from_ref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_graphql::{Request, Variables};
use atelier_contracts::{
    accounts::UserDeleted,
    audience::{Audience, GroupFact},
};
use atelier_kit::{
    actor::Actor,
    error::Error,
    event::{Event, Fact},
};
use atelier_testing::until;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{DOMAIN, World, membership, noise, somebody, world};

/// A file of somebody's that is shown to a group, and a member of the group.
async fn shown(world: &World) -> (Actor, Actor, atelier_contracts::audience::WireId, Value) {
    let (owner, member) = (somebody(world), somebody(world));
    let group = world.group();
    let done = world
        .upload(&owner, "a", "application/octet-stream", &noise(1, 90))
        .await;
    let asset = done["asset"]["id"].clone();
    let audience = Audience::Group(group.clone());
    world.attach(&audience, &owner, from_ref(&asset)).await;
    (owner, member, group, asset)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_fact_counts_in_whatever_order_facts_come() {
    let world = world().await;
    let (_, member, group, asset) = shown(&world).await;
    let mut revision = 0;
    for expected in [true, false, true, false, true] {
        revision += 1;
        if expected {
            world.add(&group, &member, revision).await;
        } else {
            world.remove(&group, &member, revision).await;
        }
        assert_eq!(world.sees(&member, &asset).await, expected);
        // What comes late, or again, changes nothing.
        for late in 0..=revision {
            match late % 2 {
                0 if late < revision => world.remove(&group, &member, late).await,
                1 => world.add(&group, &member, late).await,
                _ => {}
            }
            assert_eq!(world.sees(&member, &asset).await, expected, "{late}");
        }
    }
    assert_eq!(world.database().rows("media.group_member").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_come_together_are_two_statements_and_the_last_counts() {
    let world = world().await;
    let (_, member, group, asset) = shown(&world).await;
    let facts: Vec<_> = (1..=60)
        .map(|revision| {
            let membership = membership(&group, &member, revision);
            if revision % 2 == 1 {
                GroupFact::MemberAdded(membership)
            } else {
                GroupFact::MemberRemoved(membership)
            }
        })
        .collect();
    for (facts, expected) in [(&facts[..], false), (&facts[..59], false)] {
        let before = world.test.deps.db.statements();
        hear_together(&world, facts).await.unwrap();
        let statements = world.test.deps.db.statements() - before;
        assert!(statements <= 4, "{statements}");
        assert_eq!(world.sees(&member, &asset).await, expected);
    }
    let both = [
        membership(&group, &member, 61),
        membership(&group, &member, 61),
    ];
    let [added, removed] = both;
    let tie = [
        GroupFact::MemberRemoved(removed),
        GroupFact::MemberAdded(added),
    ];
    hear_together(&world, &tie).await.unwrap();
    assert!(
        !world.sees(&member, &asset).await,
        "in doubt, nobody sees it"
    );
}

async fn hear_together(world: &World, facts: &[GroupFact]) -> Result<(), Error> {
    let deps = &world.test.deps;
    let events = facts.iter().map(|fact| Event {
        id: deps.new_uuid(),
        domain: DOMAIN.to_owned(),
        topic: fact.topic().to_owned(),
        key: fact.key(),
        concerns: fact.concerns(),
        payload: fact.payload().unwrap(),
        trace: None,
        occurred_at: deps.clock.now(),
    });
    let mut consumers = world.subgraph.consumers().iter();
    let consumer = consumers.find(|consumer| consumer.name() == "keep_groups");
    consumer.unwrap().handle(deps, events.collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_sees_nothing_and_leaves_nothing() {
    let world = world().await;
    let (_, member, group, asset) = shown(&world).await;
    world.add(&group, &member, 1).await;
    assert!(world.sees(&member, &asset).await);
    let deleted = GroupFact::GroupDeleted {
        group: group.clone(),
    };
    for _ in 0..2 {
        world.told(DOMAIN, &deleted).await;
        assert!(!world.sees(&member, &asset).await);
    }
    world.sweep().await;
    assert_eq!(
        (
            world.database().rows("media.group_member").await,
            world.database().rows("media.asset_audience").await,
            world.database().rows("media.deleted_group").await
        ),
        (0, 0, 1)
    );
    // A fact that comes late brings nobody back.
    world.add(&group, &member, 2).await;
    let audience = Audience::Group(group);
    let owner = somebody(&world);
    world.attach(&audience, &owner, from_ref(&asset)).await;
    assert!(!world.sees(&member, &asset).await);
    world.test.clock.advance(TimeDelta::days(31));
    world.sweep().await;
    world.sweep().await;
    assert_eq!(
        world.database().rows("media.group_member").await
            + world.database().rows("media.deleted_group").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn former_members_and_deleted_users_are_forgotten() {
    let world = world().await;
    let (_, former, group, _) = shown(&world).await;
    let (gone, stays) = (somebody(&world), somebody(&world));
    world.remove(&group, &former, 1).await;
    for (revision, who) in [(2, &gone), (3, &stays)] {
        world.add(&group, who, revision).await;
    }
    let user = gone.user_id().unwrap();
    world.told("accounts", &UserDeleted { user }).await;
    assert_eq!(world.sweep().await.forgotten, 1);
    assert_eq!(world.database().rows("media.group_member").await, 2);
    world.test.clock.advance(TimeDelta::days(31));
    world.sweep().await;
    assert_eq!(world.database().rows("media.group_member").await, 1);
    assert_eq!(
        world
            .database()
            .rows("media.group_member WHERE is_member")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_removal_was_heard_nobody_gets_a_url() {
    let world = world().await;
    let (_, member, group, asset) = shown(&world).await;
    world.add(&group, &member, 1).await;
    let (heard, stop) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (before, after) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let accesses: Vec<_> = (0..12)
        .map(|_| {
            let service = world.subgraph.service.clone();
            let (member, asset) = (Arc::new(member.clone()), asset.clone());
            let (heard, stop) = (Arc::clone(&heard), Arc::clone(&stop));
            let (before, after) = (Arc::clone(&before), Arc::clone(&after));
            tokio::spawn(async move {
                let query = "query($id: ID!) { asset(id: $id) { url { url } } }";
                while !stop.load(Ordering::SeqCst) {
                    let was_heard = heard.load(Ordering::SeqCst);
                    let request = Request::new(query)
                        .variables(Variables::from_json(json!({ "id": asset })))
                        .data(Arc::clone(&member));
                    let answer = service.execute(request).await;
                    let data = answer.data.into_json().unwrap();
                    if was_heard {
                        assert_eq!(data, json!({ "asset": null }));
                        after.fetch_add(1, Ordering::SeqCst);
                    } else if data["asset"]["url"]["url"].is_string() {
                        before.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    until(async || before.load(Ordering::SeqCst) >= 50).await;
    world.remove(&group, &member, 2).await;
    heard.store(true, Ordering::SeqCst);
    until(async || after.load(Ordering::SeqCst) >= 50).await;
    stop.store(true, Ordering::SeqCst);
    for access in accesses {
        access.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_reaches_media_by_the_stream_and_subscriptions_end_with_it() {
    let mut world = world().await;
    let (owner, member, group, asset) = shown(&world).await;
    let done = world
        .upload(&owner, "b", "application/octet-stream", &noise(2, 90))
        .await;
    let stays = done["asset"]["id"].clone();
    let public = Audience::Public;
    world.attach(&public, &owner, from_ref(&stays)).await;
    // Any domain may tell; this one has an outbox in the same database.
    world.start(&["media"]);
    let world = &world;
    let tell = async |fact: GroupFact| {
        let told = world.deps().transaction(async |tx| {
            tx.emit(&fact);
            Ok::<_, Error>(())
        });
        told.await.unwrap();
    };
    tell(GroupFact::MemberAdded(membership(&group, &member, 1))).await;
    until(async || world.sees(&member, &asset).await).await;

    let operation = "subscription($ids: [ID!]) { assetEvents(ids: $ids) { ... on AssetUpdated { asset { filename } } } }";
    let ids = json!({ "ids": [asset, stays] });
    let mut theirs = world.follow(&member, operation, ids.clone()).await;
    let mut own = world.follow(&owner, operation, ids).await;
    let rename = async |asset: &Value, filename: &str| {
        let input = json!({ "id": asset, "filename": filename });
        world.mutate(&owner, "assetUpdate", "", input).await;
    };
    rename(&asset, "seen").await;
    for events in [&mut theirs, &mut own] {
        assert_eq!(events.next().await.unwrap()["asset"]["filename"], "seen");
    }
    tell(GroupFact::MemberRemoved(membership(&group, &member, 2))).await;
    until(async || !world.sees(&member, &asset).await).await;
    rename(&asset, "hidden").await;
    rename(&stays, "shown").await;
    let next = theirs.next().await.unwrap();
    assert_eq!(next["asset"]["filename"], "shown", "nothing in between");
    assert_eq!(own.next().await.unwrap()["asset"]["filename"], "hidden");
}
