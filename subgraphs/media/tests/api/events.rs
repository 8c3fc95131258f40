//! Subscriptions.

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Response, Variables};
use atelier_kit::actor::Actor;
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{PART, World, noise, somebody, world},
};

const EVENTS: &str = "subscription($ids: [ID!], $after: Cursor) { assetEvents(ids: $ids, after: $after) { __typename \
    ... on AssetCreated { cursor asset { id status } } ... on AssetReady { cursor asset { id status } } \
    ... on AssetProcessingFailed { cursor reason } ... on AssetTrashed { cursor asset { id status } } ... on AssetPurged { cursor assetId } } }";

fn subscribe(
    world: &World,
    who: &Actor,
    operation: &str,
    variables: Value,
) -> BoxStream<'static, Response> {
    let request = Request::new(operation)
        .variables(Variables::from_json(variables))
        .data(Arc::new(who.clone()));
    world.subgraph.service.execute_stream(request)
}

/// The next value of a subscription's field; there must be one in time.
async fn next(stream: &mut BoxStream<'static, Response>, field: &str) -> Value {
    let answer = tokio::time::timeout(Duration::from_secs(20), stream.next())
        .await
        .expect("an event in time")
        .expect("an event");
    let mut answer = serde_json::to_value(answer).unwrap();
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"][field].take()
}

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
    let mut live = subscribe(&world, &me, EVENTS, json!({ "ids": [id] }));
    let told = tokio::spawn(async move {
        let first = next(&mut live, "assetEvents").await;
        (first, live)
    });
    // Whether the subscription begins before or after the relay, publishing goes on until it has heard.
    world.publish().await;
    world.work().await;
    while !told.is_finished() {
        world
            .mutate(&me, "assetDelete", "", json!({ "id": id }))
            .await;
        world.publish().await;
        world
            .mutate(&me, "assetRestore", "", json!({ "id": id }))
            .await;
        tokio::task::yield_now().await;
    }
    let (first, _) = told.await.unwrap();
    assert!(first["cursor"].is_string(), "{first}");
    // From that cursor everything that comes after it is told again, and nothing of others.
    world
        .mutate(&me, "assetDelete", "", json!({ "id": id }))
        .await;
    world
        .mutate(&me, "assetsPurge", "", json!({ "ids": [id] }))
        .await;
    world.publish().await;
    let mut resumed = subscribe(&world, &me, EVENTS, json!({ "after": first["cursor"] }));
    loop {
        let event = next(&mut resumed, "assetEvents").await;
        if event["__typename"] == "AssetPurged" {
            assert_eq!(&event["assetId"], id);
            break;
        }
    }
    let tampered = format!("{}x", first["cursor"].as_str().unwrap());
    let refused = subscribe(&world, &me, EVENTS, json!({ "after": tampered }))
        .next()
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(refused).unwrap()["errors"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_watched_until_it_is_a_file() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let bytes = noise(1, 2 * PART);
    let upload = world.create(&me, json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() })).await;
    let operation = "subscription($id: ID!) { uploadProgress(id: $id) { status receivedBytes byteSize receivedPartCount partCount upload { missingParts } } }";
    let mut progress = subscribe(&world, &me, operation, json!({ "id": upload["id"] }));
    let first = next(&mut progress, "uploadProgress").await;
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
    let second = next(&mut progress, "uploadProgress").await;
    assert_eq!(
        (&second["receivedBytes"], &second["upload"]["missingParts"]),
        (&json!(PART), &json!([1]))
    );
    world
        .send(&signed["parts"][0]["request"], bytes[..PART].to_vec())
        .await;
    world.complete(&me, &upload["id"]).await;
    loop {
        let told = next(&mut progress, "uploadProgress").await;
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
    let hidden = subscribe(&world, &other, operation, json!({ "id": upload["id"] }))
        .next()
        .await
        .unwrap();
    assert_eq!(
        serde_json::to_value(hidden).unwrap()["errors"][0]["extensions"]["code"],
        "NOT_FOUND"
    );
}
