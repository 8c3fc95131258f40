//! Uploads without sending.

use atelier_contracts::accounts::ReservationState;
use atelier_kit::actor::Actor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    pictures,
    world::{World, codes, noise, sha256, somebody, world},
};

async fn begin(world: &World, me: &Actor, bytes: &[u8], content_type: &str) -> Value {
    let input = json!({ "filename": "mine", "contentType": content_type, "byteSize": bytes.len(), "sha256": sha256(bytes) });
    world.create(me, input).await
}

/// What somebody who has the content answers.
fn answer(challenge: &Value, bytes: &[u8]) -> String {
    let nonce = challenge["nonce"].as_str().unwrap();
    let mut digest = Sha256::new();
    digest.update(
        (0..32)
            .map(|at| u8::from_str_radix(&nonce[2 * at..2 * at + 2], 16).unwrap())
            .collect::<Vec<_>>(),
    );
    for range in challenge["ranges"].as_array().unwrap() {
        let offset = usize::try_from(range["offset"].as_u64().unwrap()).unwrap();
        let length = usize::try_from(range["length"].as_u64().unwrap()).unwrap();
        digest.update(&bytes[offset..offset + length]);
    }
    hex::encode(digest.finalize())
}

async fn seed(world: &World, bytes: &[u8]) -> Value {
    let owner = somebody(world);
    let upload = begin(world, &owner, bytes, "application/octet-stream").await;
    assert_eq!(upload["strategy"], "SINGLE_PUT");
    world.send(&upload["put"], bytes.to_vec()).await;
    world.complete(&owner, &upload["id"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_content_need_not_send_it() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(1, 200_000);
    let theirs = seed(&world, &bytes).await;
    let upload = begin(&world, &me, &bytes, "application/octet-stream").await;
    assert_eq!(
        (&upload["strategy"], &upload["put"]),
        (&json!("INSTANT"), &json!(null))
    );
    assert_eq!(upload["challenge"]["ranges"].as_array().unwrap().len(), 16);
    let input = json!({ "uploadId": upload["id"], "answer": answer(&upload["challenge"], &bytes) });
    let proved = world
        .mutate(
            &me,
            "uploadProve",
            "upload { status } asset { id status filename sha256 url { url } }",
            input.clone(),
        )
        .await;
    assert_eq!(
        (&proved["userErrors"], &proved["upload"]["status"]),
        (&json!([]), &json!("COMPLETED"))
    );
    assert_eq!(
        (&proved["asset"]["status"], &proved["asset"]["filename"]),
        (&json!("ACTIVE"), &json!("mine"))
    );
    assert_ne!(proved["asset"]["id"], theirs["asset"]["id"]);
    assert_eq!(world.fetch(&proved["asset"]["url"]["url"]).await.2, bytes);
    assert_eq!(
        (
            world.database().rows("media.blob").await,
            world
                .database()
                .rows("media.blob WHERE reference_count = 2")
                .await
        ),
        (1, 1)
    );
    assert_eq!(
        world.accounts.state_of(upload["id"].as_str().unwrap()),
        Some(ReservationState::Committed),
        "everybody pays for their own files"
    );
    let again = world
        .mutate(&me, "uploadProve", "asset { id }", input)
        .await;
    assert_eq!(again["asset"]["id"], proved["asset"]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_alone_gives_nothing() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(2, 100_000);
    seed(&world, &bytes).await;
    let upload = begin(&world, &me, &bytes, "application/octet-stream").await;
    // The answer to another challenge, the digest itself, and nonsense.
    let other = begin(&world, &me, &bytes, "application/octet-stream").await;
    for (wrong, left) in [
        (answer(&other["challenge"], &bytes), 2),
        (sha256(&bytes), 1),
        ("x".to_owned(), 0),
    ] {
        let refused = world
            .mutate(
                &me,
                "uploadProve",
                "asset { id }",
                json!({ "uploadId": upload["id"], "answer": wrong }),
            )
            .await;
        assert_eq!(
            (codes(&refused), &refused["userErrors"][0]["params"]["left"]),
            (vec!["PROOF_REJECTED".to_owned()], &json!(left))
        );
    }
    // That was once too often, even for the right answer.
    let right = json!({ "uploadId": upload["id"], "answer": answer(&upload["challenge"], &bytes) });
    assert_eq!(
        world.mutation_refused(&me, "uploadProve", right).await,
        ["UPLOAD_CLOSED"]
    );
    assert_eq!(
        world.accounts.state_of(upload["id"].as_str().unwrap()),
        Some(ReservationState::Released)
    );
    assert_eq!(world.database().rows("media.asset").await, 1);
    assert_eq!(
        world
            .mutation_refused(&me, "uploadComplete", json!({ "uploadId": other["id"] }))
            .await,
        ["WRONG_STRATEGY"]
    );
    // The file can be sent instead.
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len(), "sha256": sha256(&bytes), "instant": false });
    assert_eq!(world.create(&me, input).await["strategy"], "SINGLE_PUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_content_cannot_be_announced_as_something_else() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(4, 50_000);
    seed(&world, &bytes).await;
    let upload = begin(&world, &me, &bytes, "image/png").await;
    let right = json!({ "uploadId": upload["id"], "answer": answer(&upload["challenge"], &bytes) });
    assert_eq!(
        world.mutation_refused(&me, "uploadProve", right).await,
        ["TYPE_MISMATCH"]
    );
    assert_eq!(world.database().rows("media.asset").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_went_away_in_the_meantime_must_be_sent() {
    let world = world().await;
    let (owner, me) = (somebody(&world), somebody(&world));
    let bytes = noise(3, 50_000);
    let upload = begin(&world, &owner, &bytes, "application/octet-stream").await;
    world.send(&upload["put"], bytes.clone()).await;
    let theirs = world.complete(&owner, &upload["id"]).await["asset"]["id"].clone();
    let mine = begin(&world, &me, &bytes, "application/octet-stream").await;
    world
        .mutate(&owner, "assetDelete", "", json!({ "id": theirs }))
        .await;
    world
        .mutate(&owner, "assetsPurge", "", json!({ "ids": [theirs] }))
        .await;
    let right = json!({ "uploadId": mine["id"], "answer": answer(&mine["challenge"], &bytes) });
    assert_eq!(
        world.mutation_refused(&me, "uploadProve", right).await,
        ["CONTENT_GONE"]
    );
    assert_eq!(
        begin(&world, &me, &bytes, "application/octet-stream").await["strategy"],
        "SINGLE_PUT"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_picture_sent_by_two_is_kept_and_processed_once() {
    let world = world().await;
    let (first, second) = (somebody(&world), somebody(&world));
    let bytes = pictures::png(&pictures::halves(40, 30), None);
    let one = world.upload(&first, "one.png", "image/png", &bytes).await;
    let two = world.upload(&second, "two.png", "image/png", &bytes).await;
    // Neither told its digest: the worker finds out that they are the same.
    for ran in world.work().await {
        ran.outcome.unwrap();
    }
    assert_eq!(
        (
            world.database().rows("media.blob").await,
            world
                .database()
                .rows("media.blob WHERE reference_count = 2")
                .await
        ),
        (1, 1)
    );
    let query = "query($id: ID!) { asset(id: $id) { status filename derivatives { name } } }";
    for (who, file) in [(&first, &one), (&second, &two)] {
        let read = world
            .data(who, query, json!({ "id": file["asset"]["id"] }))
            .await["asset"]
            .take();
        assert_eq!(
            (
                &read["status"],
                read["derivatives"].as_array().unwrap().len()
            ),
            (&json!("ACTIVE"), 3),
            "{read}"
        );
    }
    let third = begin(&world, &somebody(&world), &bytes, "image/png").await;
    assert_eq!(third["strategy"], "INSTANT");
}
