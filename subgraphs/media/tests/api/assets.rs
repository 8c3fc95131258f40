//! Files: names, trash, purge, URLs, lists.

use atelier_kit::{
    actor::Actor,
    clock::{Clock, SystemClock},
};
use atelier_storage::StorageError;
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{World, codes, noise, sha256, somebody, world},
};

async fn status(world: &World, me: &Actor, id: &Value) -> Value {
    world
        .data(
            me,
            "query($id: ID!) { asset(id: $id) { status deletedAt } }",
            json!({ "id": id }),
        )
        .await["asset"]
        .take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_renamed_trashed_and_restored() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let id = world
        .upload(&me, "a", "application/octet-stream", &noise(1, 100))
        .await["asset"]["id"]
        .clone();
    world.work().await;
    let renamed = world
        .mutate(
            &me,
            "assetUpdate",
            "asset { filename }",
            json!({ "id": id, "filename": "b.bin" }),
        )
        .await;
    assert_eq!(renamed["asset"]["filename"], "b.bin");
    // The second is shown as `photo-exe.jpg`.
    for filename in ["../b", "photo-\u{202e}gpj.exe"] {
        assert_eq!(
            world
                .mutation_refused(
                    &me,
                    "assetUpdate",
                    json!({ "id": id, "filename": filename })
                )
                .await,
            ["FILENAME_INVALID"]
        );
    }
    let unchanged = world
        .mutate(
            &me,
            "assetUpdate",
            "asset { filename }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(unchanged["asset"]["filename"], "b.bin");
    for _ in 0..2 {
        let trashed = world
            .mutate(&me, "assetDelete", "asset { status }", json!({ "id": id }))
            .await;
        assert_eq!(trashed["asset"]["status"], "TRASHED");
    }
    let lists = "{ viewer { assets { nodes { id } totalCount } trash: assets(where: { trashed: true }) { nodes { id } } } }";
    let listed = world.data(&me, lists, json!({})).await["viewer"].take();
    assert_eq!(
        listed,
        json!({ "assets": { "nodes": [], "totalCount": 0 }, "trash": { "nodes": [{ "id": id }] } })
    );
    let restored = world
        .mutate(
            &me,
            "assetRestore",
            "asset { status deletedAt }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(
        restored["asset"],
        json!({ "status": "ACTIVE", "deletedAt": null })
    );
    for (name, input) in [
        ("assetUpdate", json!({ "id": id, "filename": "x" })),
        ("assetDelete", json!({ "id": id })),
        ("assetRestore", json!({ "id": id })),
    ] {
        assert_eq!(
            world.mutation_refused(&other, name, input).await,
            ["NOT_FOUND"],
            "{name}"
        );
    }
    assert_eq!(status(&world, &me, &id).await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_go_with_the_last_file_that_refers_to_them() {
    let world = world().await;
    let (one, two) = (somebody(&world), somebody(&world));
    let bytes = pictures::png(&pictures::halves(30, 30), None);
    let input = json!({ "filename": "a.png", "contentType": "image/png", "byteSize": bytes.len(), "sha256": sha256(&bytes) });
    let mut ids = Vec::new();
    for who in [&one, &two] {
        let upload = world.create(who, input.clone()).await;
        assert_eq!(world.send(&upload["put"], bytes.clone()).await, 200);
        ids.push(world.complete(who, &upload["id"]).await["asset"]["id"].clone());
    }
    world.work().await;
    assert_eq!(world.database().rows("media.blob").await, 1);
    let objects = world.objects().await;
    let purge = async |who: &Actor, id: &Value| {
        world
            .mutate(who, "assetDelete", "", json!({ "id": id }))
            .await;
        let purged = world
            .mutate(who, "assetsPurge", "purgedIds", json!({ "ids": [id] }))
            .await;
        assert_eq!(
            (&purged["purgedIds"], &purged["userErrors"]),
            (&json!([id]), &json!([]))
        );
    };
    purge(&one, &ids[0]).await;
    assert_eq!(status(&world, &one, &ids[0]).await, json!(null));
    assert_eq!(status(&world, &two, &ids[1]).await["status"], "ACTIVE");
    for key in &objects {
        world.storage.head(key).await.unwrap();
    }
    purge(&two, &ids[1]).await;
    assert_eq!(
        (
            world.database().rows("media.blob").await,
            world.database().rows("media.derivative").await
        ),
        (0, 0)
    );
    for key in &objects {
        assert!(
            matches!(world.storage.head(key).await, Err(StorageError::NotFound)),
            "{key}"
        );
    }
    assert_eq!(world.accounts.taken(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_tells_for_each_file_why_not() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let mut ids = Vec::new();
    for (seed, who) in [(1, &me), (2, &me), (3, &other)] {
        ids.push(
            world
                .upload(who, "a", "application/octet-stream", &noise(seed, 100))
                .await["asset"]["id"]
                .clone(),
        );
    }
    world
        .mutate(&me, "assetDelete", "", json!({ "id": ids[0] }))
        .await;
    let purged = world
        .mutate(
            &me,
            "assetsPurge",
            "purgedIds",
            json!({ "ids": [ids[0], ids[1], ids[2], ids[0]] }),
        )
        .await;
    assert_eq!(purged["purgedIds"], json!([ids[0]]));
    assert_eq!(codes(&purged), ["NOT_TRASHED", "NOT_FOUND"]);
    assert_eq!(
        purged["userErrors"][1]["path"],
        json!(["input", "ids", "2"])
    );
    assert_eq!(world.database().rows("media.asset").await, 2);
    assert_eq!(
        world
            .mutation_refused(&me, "assetsPurge", json!({ "ids": [] }))
            .await,
        ["LIST_INVALID"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_end_in_time_and_offer_what_could_run_as_a_download() {
    let world = world().await;
    let me = somebody(&world);
    let page = world
        .upload(
            &me,
            "page.html",
            "text/html",
            b"<html><script>1</script></html>",
        )
        .await;
    let picture = world
        .upload(
            &me,
            "p.png",
            "image/png",
            &pictures::png(&pictures::halves(4, 4), None),
        )
        .await;
    let query = "query($id: ID!, $for: Int!) { asset(id: $id) { url(expiresIn: $for) { url expiresAt } saved: url(download: true) { url } } }";
    let read = world
        .data(&me, query, json!({ "id": page["asset"]["id"], "for": 600 }))
        .await["asset"]
        .take();
    let (status, disposition, _) = world.fetch(&read["url"]["url"]).await;
    assert_eq!(status, 200);
    assert!(disposition.starts_with("attachment"), "{disposition}");
    let read = world
        .data(
            &me,
            query,
            json!({ "id": picture["asset"]["id"], "for": 2 }),
        )
        .await["asset"]
        .take();
    assert!(
        world
            .fetch(&read["saved"]["url"])
            .await
            .1
            .starts_with("attachment")
    );
    let expires: chrono::DateTime<chrono::Utc> =
        read["url"]["expiresAt"].as_str().unwrap().parse().unwrap();
    // Until the store says no, which it does once the time has come.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let (status, disposition, _) = world.fetch(&read["url"]["url"]).await;
        if status == 403 {
            assert!(SystemClock.now() >= expires);
            break;
        }
        assert!(
            status == 200 && disposition.starts_with("inline"),
            "{status} {disposition}"
        );
        assert!(
            std::time::Instant::now() < deadline,
            "the URL never expires"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for seconds in [0, -1, 7 * 24 * 3600 + 1] {
        let refused = world
            .refused(
                &me,
                query,
                json!({ "id": picture["asset"]["id"], "for": seconds }),
            )
            .await;
        assert_eq!(refused, ["BAD_USER_INPUT"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_sees_anything_but_those_who_look_after_files() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let admin = Actor::user(world.test.deps.new_id(), &["admin:media"]);
    let completed = world
        .upload(&me, "a", "application/octet-stream", &noise(1, 100))
        .await;
    let (asset, upload) = (&completed["asset"]["id"], &completed["upload"]["id"]);
    let query = "query($asset: ID!, $upload: ID!) { asset(id: $asset) { id } upload(id: $upload) { id } viewer { assets { nodes { id } } uploads { nodes { id } } } }";
    let variables = json!({ "asset": asset, "upload": upload });
    let nothing = json!({ "assets": { "nodes": [] }, "uploads": { "nodes": [] } });
    let seen = world.data(&other, query, variables.clone()).await;
    assert_eq!(
        seen,
        json!({ "asset": null, "upload": null, "viewer": nothing })
    );
    let seen = world
        .data(&Actor::anonymous(), query, variables.clone())
        .await;
    assert_eq!(
        seen,
        json!({ "asset": null, "upload": null, "viewer": null })
    );
    let seen = world.data(&admin, query, variables.clone()).await;
    assert_eq!(
        (&seen["asset"]["id"], &seen["upload"]["id"], &seen["viewer"]),
        (asset, upload, &nothing)
    );
    assert_eq!(
        world
            .mutation_refused(&other, "uploadComplete", json!({ "uploadId": upload }))
            .await,
        ["NOT_FOUND"]
    );
    let operation =
        "mutation($input: AssetDeleteInput!) { assetDelete(input: $input) { asset { id } } }";
    let refused = world
        .refused(
            &Actor::anonymous(),
            operation,
            json!({ "input": { "id": asset } }),
        )
        .await;
    assert_eq!(refused, ["UNAUTHENTICATED"]);
    assert_eq!(status(&world, &me, asset).await["deletedAt"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_newest_first() {
    let world = world().await;
    let me = somebody(&world);
    let mut ids = Vec::new();
    for seed in 0..3 {
        let completed = world
            .upload(&me, "a", "application/octet-stream", &noise(seed, 100))
            .await;
        ids.push(completed["asset"]["id"].clone());
        world.test.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let query = "query($after: Cursor) { viewer { assets(first: 2, after: $after) { nodes { id } totalCount pageInfo { endCursor hasNextPage } } } }";
    let page = world.data(&me, query, json!({})).await["viewer"]["assets"].take();
    assert_eq!(
        (&page["nodes"], &page["totalCount"]),
        (&json!([{ "id": ids[2] }, { "id": ids[1] }]), &json!(3))
    );
    let next = world
        .data(
            &me,
            query,
            json!({ "after": page["pageInfo"]["endCursor"] }),
        )
        .await["viewer"]["assets"]
        .take();
    assert_eq!(
        (&next["nodes"], &next["pageInfo"]["hasNextPage"]),
        (&json!([{ "id": ids[0] }]), &json!(false))
    );
}
