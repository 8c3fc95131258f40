//! The storage quota.

use atelier_contracts::accounts::ReservationState;
use serde_json::json;

use crate::world::{noise, somebody, world};

#[tokio::test(flavor = "multi_thread")]
async fn quota_is_reserved_committed_and_given_back_with_the_file() {
    let world = world().await;
    let me = somebody(&world);
    world.accounts.limit(1000);
    let completed = world
        .upload(&me, "a", "application/octet-stream", &noise(1, 600))
        .await;
    let upload = completed["upload"]["id"].as_str().unwrap();
    assert_eq!(
        world.accounts.state_of(upload),
        Some(ReservationState::Committed)
    );
    let input = json!({ "filename": "b", "contentType": "text/plain", "byteSize": 500 });
    assert_eq!(
        world
            .mutation_refused(&me, "uploadCreate", input.clone())
            .await,
        ["QUOTA_EXCEEDED"]
    );
    assert_eq!(
        (
            world.database().rows("media.upload").await,
            world.accounts.taken()
        ),
        (1, 600),
        "a refusal leaves nothing"
    );
    let id = &completed["asset"]["id"];
    world
        .mutate(&me, "assetDelete", "", json!({ "id": id }))
        .await;
    assert_eq!(world.accounts.taken(), 600, "the trash counts");
    world
        .mutate(&me, "assetsPurge", "", json!({ "ids": [id] }))
        .await;
    assert_eq!(
        (world.accounts.taken(), world.accounts.state_of(upload)),
        (0, Some(ReservationState::Released))
    );
    world.create(&me, input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quota_is_settled_later_if_accounts_is_away() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(2, 700);
    let upload = world.create(&me, json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() })).await;
    world.send(&upload["put"], bytes).await;
    world.accounts.set_down(true);
    assert_eq!(
        world.complete(&me, &upload["id"]).await["upload"]["status"],
        "COMPLETED"
    );
    assert_eq!(world.sweep().await.settled, 0);
    world.accounts.set_down(false);
    assert_eq!(
        world.accounts.state_of(upload["id"].as_str().unwrap()),
        Some(ReservationState::Reserved)
    );
    assert_eq!(world.sweep().await.settled, 1);
    assert_eq!(
        world.accounts.state_of(upload["id"].as_str().unwrap()),
        Some(ReservationState::Committed)
    );
    assert_eq!(world.sweep().await.settled, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_could_not_be_prepared_is_taken_up_again_by_its_key() {
    let world = world().await;
    let me = somebody(&world);
    let input = json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5, "idempotencyKey": "k" });
    world.accounts.set_down(true);
    let operation =
        "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { id } } }";
    let failed = world
        .refused(&me, operation, json!({ "input": input }))
        .await;
    assert_eq!(failed, ["UNAVAILABLE"]);
    assert_eq!(
        world
            .database()
            .rows("media.upload WHERE status = 'PREPARING'")
            .await,
        1
    );
    world.accounts.set_down(false);
    assert_eq!(world.create(&me, input).await["status"], "OPEN");
    assert_eq!(
        (
            world.database().rows("media.upload").await,
            world.accounts.taken()
        ),
        (1, 5)
    );
}
