//! Uploads in parts.

use atelier_contracts::accounts::ReservationState;
use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::world::{PART, World, codes, noise, sha256, somebody, world};

const SIZE: usize = 2 * PART + 1234;

async fn begin(world: &World, me: &Actor, extra: Value) -> Value {
    let mut input = json!({ "filename": "film.bin", "contentType": "application/octet-stream", "byteSize": SIZE });
    input
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let upload = world.create(me, input).await;
    assert_eq!(
        (
            &upload["strategy"],
            &upload["partSize"],
            &upload["partCount"]
        ),
        (&json!("MULTIPART"), &json!(PART), &json!(3))
    );
    assert_eq!(upload["put"], json!(null));
    upload
}

async fn sign(world: &World, me: &Actor, upload: &Value, parts: Value) -> Value {
    let fields = "parts { number request { method url headers { name value } } }";
    world
        .mutate(
            me,
            "uploadPartsSign",
            fields,
            json!({ "uploadId": upload, "parts": parts }),
        )
        .await
}

fn part(bytes: &[u8], number: usize) -> Vec<u8> {
    bytes.chunks(PART).nth(number - 1).unwrap().to_vec()
}

async fn send_parts(world: &World, me: &Actor, upload: &Value, bytes: &[u8], numbers: &[usize]) {
    let parts: Vec<_> = numbers
        .iter()
        .map(|number| json!({ "number": number }))
        .collect();
    let signed = sign(world, me, upload, json!(parts)).await;
    for (at, number) in numbers.iter().enumerate() {
        assert_eq!(
            world
                .send(&signed["parts"][at]["request"], part(bytes, *number))
                .await,
            200
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_sent_in_parts_and_resumed_by_its_id_alone() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(1, SIZE);
    let upload = begin(&world, &me, json!({ "sha256": sha256(&bytes) })).await["id"].clone();
    send_parts(&world, &me, &upload, &bytes, &[2]).await;
    // Everything is lost but the id.
    let query = "query($id: ID!) { upload(id: $id) { status partSize partCount missingParts receivedBytes receivedParts { number byteSize } } }";
    let found = world.data(&me, query, json!({ "id": upload })).await["upload"].take();
    assert_eq!(found["missingParts"], json!([1, 3]));
    assert_eq!(
        found["receivedParts"],
        json!([{ "number": 2, "byteSize": PART }])
    );
    assert_eq!(found["receivedBytes"], json!(PART));
    assert_eq!(
        codes(&world.complete(&me, &upload).await),
        ["PARTS_MISSING"]
    );
    send_parts(&world, &me, &upload, &bytes, &[1, 3]).await;
    let completed = world.complete(&me, &upload).await;
    assert_eq!(completed["userErrors"], json!([]));
    // The store knows no digest of joined parts: a worker reads the file.
    assert_eq!(
        (&completed["asset"]["status"], &completed["asset"]["sha256"]),
        (&json!("PROCESSING"), &json!(null))
    );
    let ran = world.work().await;
    assert_eq!(ran[0].task.task_type, "media.verify_content");
    assert_eq!(ran[0].outcome.as_ref().unwrap()["sha256"], sha256(&bytes));
    let query = "query($id: ID!) { asset(id: $id) { status sha256 url { url } } }";
    let read = world
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await["asset"]
        .take();
    assert_eq!(
        (&read["status"], &read["sha256"]),
        (&json!("ACTIVE"), &json!(sha256(&bytes)))
    );
    assert_eq!(world.fetch(&read["url"]["url"]).await.2, bytes);
    assert_eq!(
        world.complete(&me, &upload).await["asset"]["id"],
        completed["asset"]["id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_come_with_their_own_checksums_if_the_client_wants_so() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(2, SIZE);
    let upload = begin(&world, &me, json!({ "checksumParts": true })).await["id"].clone();
    let refused = sign(&world, &me, &upload, json!([{ "number": 1 }])).await;
    assert_eq!(codes(&refused), ["DIGEST_INVALID"]);
    let parts: Vec<_> = (1..=3)
        .map(|number| json!({ "number": number, "sha256": sha256(&part(&bytes, number)) }))
        .collect();
    let signed = sign(&world, &me, &upload, json!(parts)).await;
    assert!(
        world
            .send(&signed["parts"][0]["request"], noise(9, PART))
            .await
            >= 400,
        "other bytes"
    );
    for number in 1..=3 {
        assert_eq!(
            world
                .send(
                    &signed["parts"][number - 1]["request"],
                    part(&bytes, number)
                )
                .await,
            200
        );
    }
    assert_eq!(
        world.complete(&me, &upload).await["upload"]["status"],
        "COMPLETED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_not_of_the_upload_are_refused() {
    let world = world().await;
    let me = somebody(&world);
    let upload = begin(&world, &me, json!({})).await["id"].clone();
    let refused = sign(
        &world,
        &me,
        &upload,
        json!([{ "number": 0 }, { "number": 2 }, { "number": 2 }, { "number": 4 }]),
    )
    .await;
    assert_eq!(
        codes(&refused),
        ["PART_INVALID", "PART_INVALID", "PART_INVALID"]
    );
    assert_eq!(
        refused["userErrors"][1]["path"],
        json!(["input", "parts", "2", "number"])
    );
    let many: Vec<_> = (0..1001)
        .map(|number| json!({ "number": number }))
        .collect();
    for parts in [json!([]), json!(many)] {
        assert_eq!(
            codes(&sign(&world, &me, &upload, parts).await),
            ["LIST_INVALID"]
        );
    }
    assert_eq!(world.database().rows("media.upload_part").await, 0);
    let single = world
        .create(
            &me,
            json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5 }),
        )
        .await;
    assert_eq!(
        codes(&sign(&world, &me, &single["id"], json!([{ "number": 1 }])).await),
        ["WRONG_STRATEGY"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_was_announced_is_quarantined_by_the_worker() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(3, SIZE);
    let upload =
        begin(&world, &me, json!({ "sha256": sha256(b"something else") })).await["id"].clone();
    send_parts(&world, &me, &upload, &bytes, &[1, 2, 3]).await;
    let completed = world.complete(&me, &upload).await;
    world.work().await;
    let query = "query($id: ID!) { asset(id: $id) { status sha256 failure url { url } } }";
    let read = world
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await["asset"]
        .take();
    assert_eq!(
        (&read["status"], &read["url"], &read["sha256"]),
        (&json!("QUARANTINED"), &json!(null), &json!(null))
    );
    assert!(read["failure"].as_str().unwrap().contains("SHA-256"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_died_after_joining_the_parts_is_finished_by_the_next_one() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(4, SIZE);
    let upload = begin(&world, &me, json!({})).await["id"].clone();
    send_parts(&world, &me, &upload, &bytes, &[1, 2, 3]).await;
    // What a process does before it dies: claim, join, and nothing more.
    let pending = world
        .storage
        .list_multiparts("blobs/")
        .await
        .unwrap()
        .pop()
        .unwrap();
    let parts = world
        .storage
        .list_parts(&pending.key, &pending.upload_id)
        .await
        .unwrap();
    let parts: Vec<_> = parts.into_iter().map(Into::into).collect();
    world
        .storage
        .complete_multipart(&pending.key, &pending.upload_id, &parts)
        .await
        .unwrap();
    let completed = world.complete(&me, &upload).await;
    assert_eq!(
        (&completed["userErrors"], &completed["upload"]["status"]),
        (&json!([]), &json!("COMPLETED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_leaves_nothing() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let bytes = noise(5, SIZE);
    let upload = begin(&world, &me, json!({})).await["id"].clone();
    send_parts(&world, &me, &upload, &bytes, &[1]).await;
    assert_eq!(
        world
            .mutation_refused(&other, "uploadAbort", json!({ "uploadId": upload }))
            .await,
        ["NOT_FOUND"]
    );
    assert_eq!(
        world.storage.list_multiparts("blobs/").await.unwrap().len(),
        1
    );
    for _ in 0..2 {
        let aborted = world
            .mutate(
                &me,
                "uploadAbort",
                "upload { status missingParts }",
                json!({ "uploadId": upload }),
            )
            .await;
        assert_eq!(aborted["upload"]["status"], "ABORTED");
    }
    assert_eq!(world.storage.list_multiparts("blobs/").await.unwrap(), []);
    assert_eq!(
        world.accounts.state_of(upload.as_str().unwrap()),
        Some(ReservationState::Released)
    );
    assert_eq!(
        codes(&sign(&world, &me, &upload, json!([{ "number": 1 }])).await),
        ["UPLOAD_CLOSED"]
    );
    assert_eq!(
        world
            .mutation_refused(&me, "uploadComplete", json!({ "uploadId": upload }))
            .await,
        ["UPLOAD_CLOSED"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_come_after_completion_change_nothing() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(6, SIZE);
    let upload = begin(&world, &me, json!({})).await["id"].clone();
    let numbers = json!([{ "number": 1 }, { "number": 2 }, { "number": 3 }]);
    let signed = sign(&world, &me, &upload, numbers).await;
    for number in 1..=3 {
        let request = &signed["parts"][number - 1]["request"];
        assert_eq!(world.send(request, part(&bytes, number)).await, 200);
    }
    let completed = world.complete(&me, &upload).await;
    let request = &signed["parts"][2]["request"];
    for sent in [part(&noise(7, SIZE), 3), part(&bytes, 3)] {
        assert_eq!(world.send(request, sent).await, 404);
    }
    let query = "query($id: ID!) { asset(id: $id) { url { url } } }";
    let read = world
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await;
    assert_eq!(world.fetch(&read["asset"]["url"]["url"]).await.2, bytes);
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
}
