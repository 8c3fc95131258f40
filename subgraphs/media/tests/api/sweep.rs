//! What is done when nobody asks.

use atelier_kit::storage::{PartChecksum, StorageError};
use atelier_media::Swept;
use chrono::TimeDelta;
use serde_json::json;

use crate::world::{PART, noise, somebody, world};

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
            .ask(
                &me,
                "query($id: ID!) { upload(id: $id) { status put { url } } }",
                json!({ "id": upload["id"] }),
            )
            .await;
        assert_eq!(found["upload"], json!({ "status": "EXPIRED", "put": null }));
        assert_eq!(
            world
                .refused(&me, "uploadComplete", json!({ "uploadId": upload["id"] }))
                .await,
            ["UPLOAD_CLOSED"]
        );
    }
    world.test.clock.advance(TimeDelta::days(8));
    world.sweep().await;
    assert_eq!(
        (
            world.count("media.upload").await,
            world.count("media.doomed_object").await
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
    let found = world.ask(&me, query, json!({ "id": known["id"] })).await;
    assert_eq!(found["upload"]["status"], "EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_in_one_piece_is_removed_once_it_is_a_file() {
    let world = world().await;
    let me = somebody(&world);
    world
        .upload(&me, "a", "application/octet-stream", &noise(1, 100))
        .await;
    assert_eq!(
        world.sweep().await.removed,
        0,
        "the signature is still good"
    );
    world.test.clock.advance(TimeDelta::hours(1));
    assert_eq!(world.sweep().await.removed, 1);
    assert_eq!(world.count("media.doomed_object").await, 0);
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
            world.count("media.asset").await,
            world.count("media.blob").await
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
        .ask(&me, query, json!({ "id": completed["asset"]["id"] }))
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
async fn bytes_that_come_after_an_abort_are_removed_too() {
    let world = world().await;
    let me = somebody(&world);
    let upload = world
        .create(
            &me,
            json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5 }),
        )
        .await;
    world.send(&upload["put"], "hello").await;
    world
        .mutate(&me, "uploadAbort", "", json!({ "uploadId": upload["id"] }))
        .await;
    // Sent again with the old signature: the second removal finds it.
    assert_eq!(world.send(&upload["put"], "hello").await, 200);
    world.test.clock.advance(TimeDelta::hours(2));
    assert_eq!(world.sweep().await.removed, 1);
    let id: atelier_kit::id::Id<atelier_media::Upload> =
        upload["id"].as_str().unwrap().parse().unwrap();
    let gone = world
        .storage
        .head(&format!("incoming/{}", id.uuid().simple()))
        .await;
    assert!(matches!(gone, Err(StorageError::NotFound)));
}
