//! Subscriptions.

use serde_json::json;

use crate::{
    pictures,
    world::{PART, noise, somebody, world},
};

const EVENTS: &str = "subscription($ids: [ID!], $after: Cursor) { assetEvents(ids: $ids, after: $after) { __typename \
    ... on AssetCreated { cursor asset { id status } } ... on AssetReady { cursor asset { id status } } \
    ... on AssetProcessingFailed { cursor reason } ... on AssetTrashed { cursor asset { id status } } ... on AssetPurged { cursor assetId } } }";

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_file_is_told_and_can_be_resumed() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    // A file before, so that there is a cursor to begin with.
    world
        .upload(
            &other,
            "other.png",
            "image/png",
            &pictures::png(&pictures::halves(9, 9), None),
        )
        .await;
    world.work().await;
    let completed = world
        .upload(
            &me,
            "a.png",
            "image/png",
            &pictures::png(&pictures::halves(10, 10), None),
        )
        .await;
    let id = &completed["asset"]["id"];
    let mut live = world.follow(&me, EVENTS, json!({ "ids": [id] })).await;
    world.publish().await;
    let first = live.next().await.unwrap();
    assert_eq!(first["asset"]["id"], *id);
    assert!(first["cursor"].is_string(), "{first}");
    world.work().await;
    // From that cursor everything that comes after it is told again, and nothing of others.
    world
        .mutate(&me, "assetDelete", "", json!({ "id": id }))
        .await;
    world
        .mutate(&me, "assetsPurge", "", json!({ "ids": [id] }))
        .await;
    world.publish().await;
    let mut resumed = world.subscribe(&me, EVENTS, json!({ "after": first["cursor"] }));
    loop {
        let event = resumed.next().await.unwrap();
        if event["__typename"] == "AssetPurged" {
            assert_eq!(&event["assetId"], id);
            break;
        }
    }
    let tampered = format!("{}x", first["cursor"].as_str().unwrap());
    let mut refused = world.subscribe(&me, EVENTS, json!({ "after": tampered }));
    assert_eq!(refused.refused().await, ["BAD_USER_INPUT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_watched_until_it_is_a_file() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let bytes = noise(1, 2 * PART);
    let upload = world.create(&me, json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() })).await;
    let operation = "subscription($id: ID!) { uploadProgress(id: $id) { status receivedBytes byteSize receivedPartCount partCount upload { missingParts } } }";
    let mut progress = world.subscribe(&me, operation, json!({ "id": upload["id"] }));
    let first = progress.next().await.unwrap();
    assert_eq!(
        first,
        json!({ "status": "OPEN", "receivedBytes": 0, "byteSize": 2 * PART, "receivedPartCount": 0, "partCount": 2, "upload": { "missingParts": [1, 2] } })
    );
    let input = json!({ "uploadId": upload["id"], "parts": [{ "number": 1 }, { "number": 2 }] });
    let signed = world
        .mutate(
            &me,
            "uploadPartsSign",
            "parts { request { method url headers { name value } } }",
            input,
        )
        .await;
    world
        .send(&signed["parts"][1]["request"], bytes[PART..].to_vec())
        .await;
    let second = progress.next().await.unwrap();
    assert_eq!(
        (&second["receivedBytes"], &second["upload"]["missingParts"]),
        (&json!(PART), &json!([1]))
    );
    world
        .send(&signed["parts"][0]["request"], bytes[..PART].to_vec())
        .await;
    world.complete(&me, &upload["id"]).await;
    loop {
        let told = progress.next().await.unwrap();
        if told["status"] == "COMPLETED" {
            assert_eq!(
                (&told["receivedBytes"], &told["receivedPartCount"]),
                (&json!(2 * PART), &json!(2))
            );
            break;
        }
    }
    assert!(
        progress.next().await.is_none(),
        "nothing comes after the end"
    );
    let mut hidden = world.subscribe(&other, operation, json!({ "id": upload["id"] }));
    assert_eq!(hidden.refused().await, ["NOT_FOUND"]);
}
