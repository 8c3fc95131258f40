//! Users' pictures: what a profile shows is public, and nothing else.

use atelier_contracts::media::{Asset, AssetKind};
use atelier_kit::{actor::Actor, id::Id};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, Person, codes, done};

const UPDATE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) {
    user { displayName avatar { id } } userErrors { code path message } } }";
const AVATAR: &str = "query($id: ID!) { user(id: $id) { avatar { id } } }";

fn file(app: &App, owner: &Person, kind: AssetKind) -> Id<Asset> {
    let asset = app.deps().new_id();
    app.media.add(asset, owner.id, kind);
    asset
}

fn picture(app: &App, owner: &Person) -> Id<Asset> {
    file(app, owner, AssetKind::Image)
}

async fn change(app: &App, who: &Person, input: Value) -> Value {
    app.run(&who.actor, UPDATE, json!({ "input": input })).await
}

/// What media shows to everybody, if all of it is for one user.
fn public(app: &App, who: &Person) -> Vec<String> {
    let shown = app.media.public();
    shown
        .into_iter()
        .map(|(asset, subject)| {
            assert_eq!(subject, who.id.to_string());
            asset
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_public_as_long_as_the_profile_shows_it() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let (first, second) = (picture(&app, &alice), picture(&app, &alice));
    for asset in [first, second, second] {
        let changed = done(change(&app, &alice, json!({ "avatarId": asset })).await);
        assert_eq!(changed["user"]["avatar"]["id"], json!(asset));
        assert_eq!(public(&app, &alice), [asset.to_string()]);
    }
    let seen = app
        .run(&Actor::anonymous(), AVATAR, json!({ "id": alice.id }))
        .await;
    assert_eq!(seen["user"]["avatar"]["id"], json!(second));
    done(change(&app, &alice, json!({ "displayName": "Al" })).await);
    assert_eq!(public(&app, &alice), [second.to_string()]);
    done(change(&app, &alice, json!({ "avatarId": null })).await);
    assert_eq!(public(&app, &alice), [""; 0]);
    assert_eq!(app.count("avatar_change").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_own_picture_is_taken_and_a_refusal_changes_nothing() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let own = picture(&app, &alice);
    let before = done(change(&app, &alice, json!({ "avatarId": own })).await);
    for (asset, code) in [
        (picture(&app, &bob), "NOT_FOUND"),
        (app.deps().new_id(), "NOT_FOUND"),
        (
            file(&app, &alice, AssetKind::Document),
            "AVATAR_NOT_PICTURE",
        ),
    ] {
        let input = json!({ "avatarId": asset, "displayName": "Mallory" });
        let refused = change(&app, &alice, input).await;
        let error = &refused["profileUpdate"]["userErrors"][0];
        assert_eq!(error["path"], json!(["input", "avatarId"]));
        assert_eq!(codes(refused.clone()), [code]);
    }
    // What is wrong elsewhere is found before media hears anything.
    let unused = picture(&app, &alice);
    let input = json!({ "avatarId": unused, "displayName": " " });
    assert_eq!(codes(change(&app, &alice, input).await), ["REQUIRED"]);
    assert_eq!(public(&app, &alice), [own.to_string()]);
    assert_eq!(app.count("avatar_change").await, 0);
    let after = done(change(&app, &alice, json!({})).await);
    assert_eq!(after["user"], before["user"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_media_does_not_answer_a_new_picture_is_an_error_and_the_profile_stays() {
    let mut app = App::new().await;
    let alice = app.register("alice").await;
    let (old, new) = (picture(&app, &alice), picture(&app, &alice));
    done(change(&app, &alice, json!({ "avatarId": old })).await);
    app.media.set_down(true);
    let input = json!({ "input": { "avatarId": new, "displayName": "Al" } });
    assert_eq!(
        app.refused(&alice.actor, UPDATE, input).await,
        "UNAVAILABLE"
    );
    let kept = done(change(&app, &alice, json!({})).await);
    assert_eq!(kept["user"]["displayName"], "alice");
    assert_eq!(kept["user"]["avatar"]["id"], json!(old));
    // The picture may have been published before the answer was lost: the sweep looks after it.
    assert_eq!(app.count("avatar_change").await, 1);
    app.media.set_down(false);
    app.clock().advance(TimeDelta::minutes(6));
    app.start();
    app.eventually("avatar_change", 0).await;
    assert_eq!(public(&app, &alice), [old.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_was_removed_while_media_did_not_answer_is_hidden_later() {
    let mut app = App::new().await;
    let alice = app.register("alice").await;
    let old = picture(&app, &alice);
    done(change(&app, &alice, json!({ "avatarId": old })).await);
    app.media.set_down(true);
    let removed = done(change(&app, &alice, json!({ "avatarId": null })).await);
    assert_eq!(removed["user"]["avatar"], Value::Null);
    assert_eq!(public(&app, &alice), [old.to_string()]);
    app.media.set_down(false);
    app.clock().advance(TimeDelta::minutes(3));
    app.start();
    app.eventually("avatar_change", 0).await;
    assert_eq!(public(&app, &alice), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_leave_only_the_picture_public_that_is_shown() {
    let mut app = App::new().await;
    let alice = app.register("alice").await;
    let pictures: Vec<_> = (0..4).map(|_| picture(&app, &alice)).collect();
    let changes = pictures.iter().cycle().take(24).map(|asset| {
        let input = json!({ "avatarId": asset });
        change(&app, &alice, input)
    });
    for changed in futures::future::join_all(changes).await {
        done(changed);
    }
    app.clock().advance(TimeDelta::minutes(6));
    app.start();
    app.eventually("avatar_change", 0).await;
    let shown = done(change(&app, &alice, json!({})).await)["user"]["avatar"]["id"].clone();
    assert_eq!(json!(public(&app, &alice)), json!([shown]));
}
