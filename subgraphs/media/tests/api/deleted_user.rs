//! What is left of users whose accounts are gone: nothing.

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::actor::Actor;
use atelier_storage::StorageError;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{PART, World, noise, somebody, stored_at, world},
};

async fn delete_account(world: &World, whose: &Actor) {
    let user = whose.user_id().unwrap();
    world.told("accounts", &UserDeleted { user }).await;
}

/// Sweeps for a day, after which nobody is remembered.
async fn sweep_for_a_day(world: &World) {
    for _ in 0..26 {
        world.sweep().await;
        world.test.clock.advance(TimeDelta::hours(1));
    }
}

async fn facts(world: &World, topic: &str) -> i64 {
    world
        .database()
        .rows(&format!("media.outbox WHERE topic = '{topic}'"))
        .await
}

async fn rows_of(world: &World, whose: &Actor) -> i64 {
    let owner = whose.user_id().unwrap().uuid();
    let owned = format!("WHERE owner_id = '{owner}'");
    world.database().rows(&format!("media.asset {owned}")).await
        + world
            .database()
            .rows(&format!("media.upload {owned}"))
            .await
}

async fn status(world: &World, whose: &Actor, asset: &Value) -> Value {
    let query = "query($id: ID!) { asset(id: $id) { status url { url } } }";
    world.data(whose, query, json!({ "id": asset })).await["asset"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_deleted_user_are_gone_and_those_of_others_stay() {
    let world = world().await;
    let (gone, stays) = (somebody(&world), somebody(&world));
    let picture = pictures::png(&pictures::halves(40, 40), None);
    let shared = noise(1, 500);
    let own = world.upload(&gone, "a.png", "image/png", &picture).await;
    for who in [&gone, &stays] {
        world
            .upload(who, "s", "application/octet-stream", &shared)
            .await;
    }
    let trashed = world.upload(&gone, "t", "text/plain", b"hello").await;
    let input = json!({ "id": trashed["asset"]["id"] });
    world.mutate(&gone, "assetDelete", "", input).await;
    world.work().await;
    let kept = world
        .upload(&stays, "b", "application/octet-stream", &noise(2, 300))
        .await;
    let before = world.objects().await;

    // Two uploads that are not completed: one with its bytes in the store, one in parts.
    let input = json!({ "filename": "o", "contentType": "text/plain", "byteSize": 5 });
    let open = world.create(&gone, input).await;
    assert_eq!(world.send(&open["put"], "hello").await, 200);
    let input = json!({ "filename": "p", "contentType": "video/mp4", "byteSize": 3 * PART });
    let parts = world.create(&gone, input).await;

    delete_account(&world, &gone).await;
    let swept = world.sweep().await;
    assert_eq!(swept.forgotten, 5, "three files, two uploads");
    assert_eq!(
        (
            facts(&world, "asset.purged").await,
            world
                .database()
                .rows(
                    "media.outbox WHERE topic = 'upload.closed' AND payload->>'status' = 'ABORTED'"
                )
                .await
        ),
        (3, 2)
    );
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
    assert_eq!(world.send(&open["put"], "hello").await, 404);
    assert_eq!(
        status(&world, &gone, &own["asset"]["id"]).await,
        json!(null)
    );
    let left = world.objects().await;
    assert_eq!(left.len(), 2, "the shared blob and the other one's own");
    for key in &before {
        let found = world.storage.head(key).await;
        assert_eq!(found.is_ok(), left.contains(key), "{key}");
    }
    for upload in [&open, &parts] {
        let found = world.storage.head(&stored_at(&upload["id"])).await;
        assert!(matches!(found, Err(StorageError::NotFound)));
    }
    assert_eq!(world.accounts.taken(), 800, "what the other one has");
    let read = status(&world, &stays, &kept["asset"]["id"]).await;
    assert_eq!(world.fetch(&read["url"]["url"]).await.0, 200);
    let shared = world
        .data(
            &stays,
            "{ viewer { assets { nodes { filename url { url } } } } }",
            json!({}),
        )
        .await["viewer"]["assets"]["nodes"]
        .take();
    assert_eq!(shared.as_array().unwrap().len(), 2);
    for file in shared.as_array().unwrap() {
        assert_eq!(world.fetch(&file["url"]["url"]).await.0, 200, "{file}");
    }

    sweep_for_a_day(&world).await;
    assert_eq!(
        (
            rows_of(&world, &gone).await,
            world.database().rows("media.deleted_user").await,
            world.database().rows("media.object_removal").await,
        ),
        (0, 0, 0),
        "no file name is remembered"
    );
    assert_eq!(rows_of(&world, &stays).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_hear_again_that_a_user_is_gone_changes_nothing() {
    let world = world().await;
    let (gone, stays) = (somebody(&world), somebody(&world));
    for who in [&gone, &stays] {
        world.upload(who, "a", "text/plain", b"hello").await;
    }
    delete_account(&world, &gone).await;
    delete_account(&world, &gone).await;
    assert_eq!(world.database().rows("media.deleted_user").await, 1);
    assert_eq!(world.sweep().await.forgotten, 1);
    sweep_for_a_day(&world).await;
    let told = world.database().rows("media.outbox").await;
    delete_account(&world, &gone).await;
    assert_eq!(world.sweep().await.forgotten, 0);
    sweep_for_a_day(&world).await;
    assert_eq!(
        (
            world.database().rows("media.outbox").await,
            rows_of(&world, &stays).await,
            world.database().rows("media.deleted_user").await
        ),
        (told, 2, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_after_its_owner_went_goes_as_well() {
    let world = world().await;
    let gone = somebody(&world);
    delete_account(&world, &gone).await;
    assert_eq!(world.sweep().await.forgotten, 0);
    // A request that began before the account went.
    world.upload(&gone, "late", "text/plain", b"hello").await;
    world.test.clock.advance(TimeDelta::hours(2));
    assert_eq!(world.sweep().await.forgotten, 1);
    sweep_for_a_day(&world).await;
    assert_eq!(
        (rows_of(&world, &gone).await, world.accounts.taken()),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_fit_into_one_transaction_go_one_batch_after_another() {
    const FILES: usize = 250;
    let world = world().await;
    let gone = somebody(&world);
    let owner = gone.user_id().unwrap().uuid();
    let (blobs, files) = (
        "INSERT INTO media.blob (id, byte_size, content_type, kind, storage_key, reference_count, state, created_at) \
         SELECT gen_random_uuid(), 7, 'text/plain', 'DOCUMENT', 'blobs/many-' || n, 1, 'READY', now() FROM generate_series(1, 250) n",
        format!(
            "INSERT INTO media.asset (id, owner_id, blob_id, filename, content_type, created_at, updated_at) \
             SELECT gen_random_uuid(), '{owner}', id, 'f', 'text/plain', now(), now() FROM media.blob"
        ),
    );
    for statement in [blobs, &files] {
        assert_eq!(world.database().run(statement).await, FILES);
    }
    delete_account(&world, &gone).await;
    let (swept, statements) = world.counted(world.sweep()).await;
    assert_eq!(swept.forgotten, FILES);
    assert!(
        statements < 400,
        "{statements} statements for {FILES} files"
    );
    assert_eq!(
        (
            rows_of(&world, &gone).await,
            world.database().rows("media.blob").await,
            facts(&world, "asset.purged").await
        ),
        (0, 0, 250)
    );
}
