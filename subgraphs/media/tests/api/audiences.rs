//! Who besides its owner may see a file, and what they may do with it.

use std::slice::from_ref;

use atelier_contracts::audience::{Audience, WireId};
use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{World, codes, noise, somebody, world},
};

const SEEN: &str = "query($id: ID!, $seen: [_Any!]!) { asset(id: $id) { id filename purpose publicUrl \
    url { url } short: url(expiresIn: 604800) { url expiresAt } \
    derivatives { name publicUrl url { expiresAt } long: url(expiresIn: 604800) { expiresAt } } \
    metadata { ... on ImageMetadata { width exif { cameraMake position { latitude } } } } } \
    _entities(representations: $seen) { ... on Asset { id url { url } } } }";

async fn see(world: &World, who: &Actor, id: &Value) -> Value {
    let seen = json!([{ "__typename": "Asset", "id": id }]);
    let data = world
        .data(who, SEEN, json!({ "id": id, "seen": seen }))
        .await;
    assert_eq!(data["asset"]["id"], data["_entities"][0]["id"], "one rule");
    assert_eq!(
        data["asset"]["url"].is_null(),
        data["_entities"][0]["url"].is_null()
    );
    data["asset"].clone()
}

/// Everybody's relation to a picture that is attached to a group.
struct People {
    owner: Actor,
    admin: Actor,
    member: Actor,
    former: Actor,
    elsewhere: Actor,
    stranger: Actor,
    service: Actor,
}

impl People {
    async fn around(world: &World, group: &WireId) -> Self {
        let people = Self {
            owner: somebody(world),
            admin: Actor::user(world.test.deps.new_id(), &["admin:media"]),
            member: somebody(world),
            former: somebody(world),
            elsewhere: somebody(world),
            stranger: somebody(world),
            service: Actor::service("spaces"),
        };
        world.add(group, &people.member, 1).await;
        world.add(group, &people.former, 2).await;
        world.remove(group, &people.former, 3).await;
        world.add(&world.group(), &people.elsewhere, 1).await;
        people
    }

    /// Those who see what everybody sees.
    fn others(&self) -> [&Actor; 4] {
        [&self.former, &self.elsewhere, &self.stranger, &self.service]
    }
}

async fn assert_changes_nothing(world: &World, who: &Actor, id: &Value) {
    for (name, input) in [
        ("assetUpdate", json!({ "id": id, "filename": "x" })),
        ("assetDelete", json!({ "id": id })),
        ("assetRestore", json!({ "id": id })),
        ("assetsPurge", json!({ "ids": [id] })),
    ] {
        if who.user_id().is_some() {
            let refused = world.mutation_refused(who, name, input).await;
            assert_eq!(refused, ["NOT_FOUND"], "{name}");
        } else {
            let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
            let operation = format!(
                "mutation($input: {kind}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
            );
            let refused = world
                .refused(who, &operation, json!({ "input": input }))
                .await;
            assert_eq!(refused, ["UNAUTHENTICATED"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_may_see_and_do() {
    let world = world().await;
    let group = world.group();
    let people = People::around(&world, &group).await;
    let with_position = world.picture(&people.owner, Some(pictures::notes())).await;
    let plain = world.picture(&people.owner, None).await;
    let shown = [with_position.clone(), plain.clone()];
    let to_group = Audience::Group(group.clone());

    // Attached to nobody: only its owner and administrators see it.
    for id in &shown {
        for who in people.others().into_iter().chain([&people.member]) {
            assert_eq!(see(&world, who, id).await, Value::Null);
        }
    }
    assert_eq!(
        world.attach(&to_group, &people.owner, &shown).await,
        json!([])
    );
    assert_eq!(
        see(&world, &people.member, &plain).await["publicUrl"],
        Value::Null
    );
    assert_shown_to(&world, &people, &people.member, &shown).await;
    for who in people.others() {
        assert_eq!(see(&world, who, &plain).await, Value::Null);
        assert_changes_nothing(&world, who, &plain).await;
    }
    assert_changes_nothing(&world, &people.member, &plain).await;

    // Public: everybody sees it, and may no more than members.
    assert_eq!(
        world.attach(&Audience::Public, &people.owner, &shown).await,
        json!([])
    );
    for who in people.others().into_iter().chain([&Actor::anonymous()]) {
        assert_shown_to(&world, &people, who, &shown).await;
        assert_changes_nothing(&world, who, &plain).await;
        assert!(see(&world, who, &plain).await["publicUrl"].is_string());
    }

    // In the trash nobody else sees it, whatever it is attached to.
    let trashed = json!({ "id": plain });
    world
        .mutate(&people.owner, "assetDelete", "", trashed.clone())
        .await;
    for who in people.others().into_iter().chain([&people.member]) {
        assert_eq!(see(&world, who, &plain).await, Value::Null);
    }
    assert!(see(&world, &people.owner, &plain).await["url"].is_object());
    world
        .mutate(&people.owner, "assetRestore", "", trashed)
        .await;
    assert!(world.sees(&people.stranger, &plain).await);
}

/// Somebody to whom both pictures are shown sees no more of them than that, and their owner and an
/// administrator still see all.
async fn assert_shown_to(world: &World, people: &People, who: &Actor, shown: &[Value; 2]) {
    let [with_position, plain] = shown;
    let read = see(world, who, with_position).await;
    assert_eq!(
        (&read["url"], &read["publicUrl"], &read["purpose"]),
        (&Value::Null, &Value::Null, &Value::Null),
        "the file tells where it was taken"
    );
    assert_eq!(read["metadata"]["exif"]["cameraMake"], "Atelier");
    assert_eq!(read["metadata"]["exif"]["position"], Value::Null);
    assert_eq!(read["derivatives"].as_array().unwrap().len(), 3);
    let read = see(world, who, plain).await;
    assert_eq!(world.fetch(&read["url"]["url"]).await.0, 200);
    let soon = world.test.deps.clock.now() + chrono::TimeDelta::seconds(120);
    let until = |url: &Value| -> chrono::DateTime<chrono::Utc> {
        url["expiresAt"].as_str().unwrap().parse().unwrap()
    };
    assert!(until(&read["short"]) < soon);
    for derivative in read["derivatives"].as_array().unwrap() {
        assert!(until(&derivative["url"]) < soon && until(&derivative["long"]) < soon);
    }
    for (whose, position) in [(&people.owner, json!(30.25)), (&people.admin, Value::Null)] {
        let read = see(world, whose, with_position).await;
        assert_eq!(
            read["metadata"]["exif"]["position"]
                .get("latitude")
                .cloned()
                .unwrap_or_default(),
            position
        );
        assert!(until(&read["short"]) > soon && until(&read["derivatives"][0]["long"]) > soon);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_files_are_shown_to_nobody_else() {
    let world = world().await;
    let (owner, other) = (somebody(&world), somebody(&world));
    let asset = world.picture(&owner, None).await;
    world
        .attach(&Audience::Public, &owner, from_ref(&asset))
        .await;
    assert!(world.sees(&other, &asset).await);
    world
        .database()
        .run("UPDATE media.blob SET state = 'QUARANTINED'")
        .await;
    assert!(!world.sees(&other, &asset).await && world.sees(&owner, &asset).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_was_not_read_yet_may_tell_where_it_was_taken() {
    let world = world().await;
    let (owner, other) = (somebody(&world), somebody(&world));
    let bytes = pictures::jpeg(&pictures::halves(30, 20), Some(pictures::notes()));
    let done = world.upload(&owner, "p.jpg", "image/jpeg", &bytes).await;
    let asset = done["asset"]["id"].clone();
    world
        .attach(&Audience::Public, &owner, from_ref(&asset))
        .await;
    let read = see(&world, &other, &asset).await;
    assert_eq!(
        (&read["url"], &read["publicUrl"]),
        (&Value::Null, &Value::Null)
    );
    assert!(see(&world, &owner, &asset).await["url"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_domains_attach_and_only_what_the_user_owns() {
    let world = world().await;
    let (owner, other) = (somebody(&world), somebody(&world));
    let upload = async |seed: u64| {
        let done = world
            .upload(&owner, "a", "application/octet-stream", &noise(seed, 90))
            .await;
        done["asset"]["id"].clone()
    };
    let (mine, second) = (upload(1).await, upload(2).await);
    let theirs = world.picture(&other, None).await;
    let missing = json!(world.test.deps.new_id::<atelier_media::Asset>());
    let group = Audience::Group(world.group());

    let subject = world.group();
    let input = json!({ "audience": group, "subject": subject, "userId": owner.user_id().unwrap(), "assetIds": [mine] });
    let attach = "mutation($input: AudienceAttachInput!) { audienceAttach(input: $input) { userErrors { code } } }";
    let detach = "mutation($input: AudienceDetachInput!) { audienceDetach(input: $input) { userErrors { code } } }";
    let mut without_user = input.clone();
    without_user.as_object_mut().unwrap().remove("userId");
    let admin = Actor::user(world.test.deps.new_id(), &["admin:media"]);
    for who in [&owner, &other, &admin, &Actor::anonymous()] {
        for (operation, input) in [(attach, &input), (detach, &without_user)] {
            let refused = world
                .refused(who, operation, json!({ "input": input }))
                .await;
            assert_eq!(refused, ["FORBIDDEN"]);
        }
    }

    // One that is refused keeps the others from being attached.
    let refused = world
        .attach(
            &group,
            &owner,
            &[mine.clone(), theirs.clone(), missing.clone()],
        )
        .await;
    assert_eq!(
        refused,
        json!([{ "assetId": theirs, "reason": "NOT_FOUND" }, { "assetId": missing, "reason": "NOT_FOUND" }])
    );
    let mut pictures_only = input.clone();
    pictures_only["kind"] = json!("IMAGE");
    let service = Actor::service("spaces");
    let payload = world
        .mutate(
            &service,
            "audienceAttach",
            "refused { reason }",
            pictures_only,
        )
        .await;
    assert_eq!(payload["refused"], json!([{ "reason": "WRONG_KIND" }]));
    let many: Vec<_> = (0..101).map(|_| mine.clone()).collect();
    for ids in [json!([]), json!(many)] {
        let mut input = input.clone();
        input["assetIds"] = ids;
        let payload = world
            .mutate(&service, "audienceAttach", "refused { reason }", input)
            .await;
        assert_eq!(codes(&payload), ["LIST_INVALID"]);
    }
    for audience in ["", "Public", "spc_1", "everybody"] {
        let mut input = input.clone();
        input["audience"] = json!(audience);
        let answer = world.ask(&service, attach, json!({ "input": input })).await;
        assert!(!answer.errors.is_empty(), "{audience}");
    }
    assert_eq!(world.database().rows("media.asset_audience").await, 0);

    for _ in 0..2 {
        let both = [mine.clone(), second.clone(), mine.clone()];
        assert_eq!(world.attach(&group, &owner, &both).await, json!([]));
        assert_eq!(world.database().rows("media.asset_audience").await, 2);
    }
    for _ in 0..2 {
        world.detach(&group, from_ref(&mine)).await;
        assert_eq!(world.database().rows("media.asset_audience").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stays_visible_as_long_as_anything_shows_it() {
    let world = world().await;
    let (owner, other) = (somebody(&world), somebody(&world));
    let asset = [world.picture(&owner, None).await];
    let (one, two) = (world.group(), world.group());
    for subject in [&one, &two] {
        world
            .attach_for(subject, &Audience::Public, &owner, &asset)
            .await;
    }
    let detach = async |domain: &str, subject: &WireId| {
        let input = json!({ "audience": "public", "subject": subject, "assetIds": asset });
        let service = Actor::service(domain);
        world
            .mutate(&service, "audienceDetach", "detached", input)
            .await;
    };
    // What one domain shows another does not take away.
    for subject in [&one, &two] {
        detach("shop", subject).await;
    }
    detach("spaces", &one).await;
    assert!(world.sees(&other, &asset[0]).await);
    detach("spaces", &two).await;
    assert!(!world.sees(&other, &asset[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_file_is_attached_to_nothing() {
    let world = world().await;
    let owner = somebody(&world);
    let asset = world.picture(&owner, None).await;
    world
        .attach(&Audience::Public, &owner, from_ref(&asset))
        .await;
    world
        .mutate(&owner, "assetDelete", "", json!({ "id": asset }))
        .await;
    let refused = world
        .attach(&Audience::Public, &owner, from_ref(&asset))
        .await;
    assert_eq!(refused[0]["reason"], "NOT_FOUND", "it is in the trash");
    world
        .mutate(
            &owner,
            "assetsPurge",
            "purgedIds",
            json!({ "ids": [asset] }),
        )
        .await;
    assert_eq!(world.database().rows("media.asset_audience").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_files_of_mixed_visibility_are_one_statement() {
    let world = world().await;
    let (owner, viewer) = (somebody(&world), somebody(&world));
    let group = world.group();
    world.add(&group, &viewer, 1).await;
    let mut ids = Vec::new();
    for seed in 0..8 {
        let whose = if seed % 4 == 0 { &viewer } else { &owner };
        let done = world
            .upload(whose, "a", "application/octet-stream", &noise(seed, 50))
            .await;
        ids.push(done["asset"]["id"].clone());
    }
    for (at, audience) in [
        (1, Audience::Public),
        (2, Audience::Group(group)),
        (5, Audience::Public),
    ] {
        world.attach(&audience, &owner, from_ref(&ids[at])).await;
    }
    let mut representations: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "__typename": "Asset", "id": id }))
        .collect();
    representations.extend((8..100).map(|_| json!({ "__typename": "Asset", "id": world.test.deps.new_id::<atelier_media::Asset>() })));
    let query = "query($seen: [_Any!]!) { _entities(representations: $seen) { ... on Asset { id publicUrl url { url } } } }";
    let before = world.test.deps.db.statements();
    let found = world
        .data(&viewer, query, json!({ "seen": representations }))
        .await;
    assert_eq!(world.test.deps.db.statements() - before, 1);
    let seen: Vec<bool> = found["_entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asset| !asset.is_null())
        .collect();
    assert_eq!(
        seen[..8],
        [true, true, true, false, true, true, false, false]
    );
    assert!(!seen[8..].contains(&true));
}
