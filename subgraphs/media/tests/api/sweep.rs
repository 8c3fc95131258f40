//! What is done when nobody asks.

use atelier_contracts::accounts::ReservationState;
use atelier_media::Swept;
use atelier_storage::{PartChecksum, Storage, StorageConfig, StorageError};
use chrono::TimeDelta;
use serde_json::json;

use crate::world::{PART, noise, somebody, stored_at, world};

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_not_completed_in_time_are_swept_up() {
    let world = world().await;
    let me = somebody(&world);
    let small = world
        .create(
            &me,
            json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5 }),
        )
        .await;
    let large = world
        .create(
            &me,
            json!({ "filename": "b", "contentType": "video/mp4", "byteSize": 3 * PART }),
        )
        .await;
    assert_eq!(world.send(&small["put"], "hello").await, 200);
    assert_eq!(world.sweep().await, Swept::default());
    world.test.clock.advance(TimeDelta::hours(25));
    let swept = world.sweep().await;
    assert_eq!((swept.expired, swept.settled), (1, 1));
    assert_eq!(
        world.storage.list_multiparts("").await.unwrap().len(),
        1,
        "large ones have a week"
    );
    world.test.clock.advance(TimeDelta::days(7));
    assert_eq!(world.sweep().await.expired, 1);
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
    assert_eq!(world.accounts.taken(), 0);
    for upload in [&small, &large] {
        let found = world
            .data(
                &me,
                "query($id: ID!) { upload(id: $id) { status put { url } } }",
                json!({ "id": upload["id"] }),
            )
            .await;
        assert_eq!(found["upload"], json!({ "status": "EXPIRED", "put": null }));
        assert_eq!(
            world
                .mutation_refused(&me, "uploadComplete", json!({ "uploadId": upload["id"] }))
                .await,
            ["UPLOAD_CLOSED"]
        );
    }
    world.test.clock.advance(TimeDelta::days(8));
    world.sweep().await;
    assert_eq!(
        (
            world.database().rows("media.upload").await,
            world.database().rows("media.object_removal").await
        ),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn multipart_uploads_that_no_row_knows_of_are_aborted_once_nobody_can_use_them() {
    let world = world().await;
    let me = somebody(&world);
    let begin = async |key: &str| {
        world
            .storage
            .create_multipart(key, "video/mp4", PartChecksum::None)
            .await
            .unwrap()
    };
    // As if the process had died between the store's answer and the transaction.
    begin("blobs/orphan").await;
    begin("elsewhere/not-ours").await;
    let known = world
        .create(
            &me,
            json!({ "filename": "b", "contentType": "video/mp4", "byteSize": 3 * PART }),
        )
        .await;
    let keys = async || {
        let pending = world.storage.list_multiparts("").await.unwrap();
        let keys: Vec<String> = pending.into_iter().map(|upload| upload.key).collect();
        keys
    };
    world.test.clock.advance(TimeDelta::days(6));
    assert_eq!(world.sweep().await.removed, 0);
    assert_eq!(keys().await.len(), 3);
    world.test.clock.advance(TimeDelta::days(3));
    world.sweep().await;
    assert_eq!(keys().await, ["elsewhere/not-ours"]);
    let query = "query($id: ID!) { upload(id: $id) { status } }";
    let found = world.data(&me, query, json!({ "id": known["id"] })).await;
    assert_eq!(found["upload"]["status"], "EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_upload_leaves_nothing_to_be_removed() {
    let world = world().await;
    let me = somebody(&world);
    world
        .upload(&me, "a", "application/octet-stream", &noise(1, 100))
        .await;
    assert_eq!(world.database().rows("media.object_removal").await, 0);
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_is_emptied_after_a_month() {
    let world = world().await;
    let me = somebody(&world);
    let completed = world
        .upload(&me, "a", "application/octet-stream", &noise(2, 100))
        .await;
    world
        .mutate(
            &me,
            "assetDelete",
            "",
            json!({ "id": completed["asset"]["id"] }),
        )
        .await;
    world.test.clock.advance(TimeDelta::days(29));
    assert_eq!(world.sweep().await.purged, 0);
    world.test.clock.advance(TimeDelta::days(2));
    let swept = world.sweep().await;
    assert_eq!(
        (swept.purged, swept.settled, world.accounts.taken()),
        (1, 1, 0)
    );
    assert_eq!(
        (
            world.database().rows("media.asset").await,
            world.database().rows("media.blob").await
        ),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_worker_looks_at_become_usable() {
    let world = world().await;
    let me = somebody(&world);
    let completed = world
        .upload(&me, "a", "application/octet-stream", &noise(3, 100))
        .await;
    assert_eq!(completed["asset"]["status"], "PROCESSING");
    world.test.clock.advance(TimeDelta::hours(25));
    assert_eq!(world.sweep().await.given_up, 1);
    let query = "query($id: ID!) { asset(id: $id) { status failure url { url } } }";
    let read = world
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await["asset"]
        .take();
    assert_eq!(read["status"], "ACTIVE");
    assert!(
        read["failure"].is_string() && read["url"].is_object(),
        "{read}"
    );
    // The task that comes after all changes nothing.
    let ran = world.work().await;
    assert_eq!(
        ran[0].outcome.as_ref().unwrap(),
        &json!({ "skipped": true })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_takes_no_more_bytes_and_its_quota_is_free() {
    let world = world().await;
    let me = somebody(&world);
    let upload = world
        .create(
            &me,
            json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5 }),
        )
        .await;
    assert_eq!(world.send(&upload["put"], "hello").await, 200);
    world
        .mutate(&me, "uploadAbort", "", json!({ "uploadId": upload["id"] }))
        .await;
    assert_eq!(world.accounts.taken(), 0);
    // The signature is good for an hour, and for nothing.
    assert_eq!(world.send(&upload["put"], "hello").await, 404);
    let gone = world.storage.head(&stored_at(&upload["id"])).await;
    assert!(matches!(gone, Err(StorageError::NotFound)));
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
    // Whatever was on its way meanwhile is looked for once more.
    assert_eq!(world.database().rows("media.object_removal").await, 2);
    world.test.clock.advance(TimeDelta::hours(2));
    assert_eq!(world.sweep().await.removed, 2);
    assert_eq!(world.database().rows("media.object_removal").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn quota_is_held_until_the_store_takes_no_more_bytes() {
    let mut world = world().await;
    let me = somebody(&world);
    for (content_type, size) in [("text/plain", 5), ("video/mp4", 2 * PART + 1)] {
        let input = json!({ "filename": "a", "contentType": content_type, "byteSize": size });
        let upload = world.create(&me, input).await;
        let id = upload["id"].as_str().unwrap();
        let request = if upload["put"].is_object() {
            upload["put"].clone()
        } else {
            let fields = "parts { request { method url headers { name value } } }";
            let input = json!({ "uploadId": id, "parts": [{ "number": 3 }] });
            let signed = world.mutate(&me, "uploadPartsSign", fields, input).await;
            signed["parts"][0]["request"].clone()
        };
        let bytes = if size == 5 { "hello" } else { "x" };
        // The store cannot be told to forget the upload.
        let nowhere = "http://127.0.0.1:1".to_owned();
        let away = StorageConfig {
            endpoint: nowhere.clone(),
            public_endpoint: nowhere,
            region: "us-east-1".to_owned(),
            bucket: "b".to_owned(),
            access_key: "a".to_owned(),
            secret_key: "s".to_owned(),
            path_style: true,
        };
        let there = world.storage.clone();
        world.set_storage(Storage::new(&away).unwrap());
        let input = json!({ "uploadId": id });
        let aborted = world.mutate(&me, "uploadAbort", "upload { status }", input);
        assert_eq!(aborted.await["upload"]["status"], "ABORTED");
        assert_eq!(world.send(&request, bytes).await, 200);
        assert_eq!(
            world.accounts.state_of(id),
            Some(ReservationState::Reserved),
            "somebody must count these bytes"
        );
        world.set_storage(there);
        world.test.clock.advance(TimeDelta::minutes(2));
        world.sweep().await;
        assert_eq!(
            world.accounts.state_of(id),
            Some(ReservationState::Released)
        );
        assert_eq!(world.send(&request, bytes).await, 404);
        assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
    }
}
