//! Uploads in one piece.

use serde_json::json;

use crate::{
    pictures,
    world::{codes, noise, sha256, somebody, world},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_in_one_piece_and_read_back() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(1, 10_000);
    let input = json!({ "filename": "画 1.bin", "contentType": "application/octet-stream", "byteSize": bytes.len(), "sha256": sha256(&bytes) });
    let upload = world.create(&me, input).await;
    assert_eq!(
        (&upload["strategy"], &upload["status"]),
        (&json!("SINGLE_PUT"), &json!("OPEN"))
    );
    assert_eq!(world.send(&upload["put"], bytes.clone()).await, 200);
    let completed = world.complete(&me, &upload["id"]).await;
    assert_eq!(completed["userErrors"], json!([]));
    assert_eq!(completed["upload"]["status"], "COMPLETED");
    // The store has verified the digest: nothing is left to be found out.
    assert_eq!(
        (&completed["asset"]["status"], &completed["task"]),
        (&json!("ACTIVE"), &json!(null))
    );
    assert_eq!(completed["asset"]["sha256"], sha256(&bytes));
    let query = "query($id: ID!) { asset(id: $id) { url { url } owner { id } byteSize } viewer { storage { assets bytes uploadingBytes } } }";
    let read = world
        .ask(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await;
    let (status, disposition, fetched) = world.fetch(&read["asset"]["url"]["url"]).await;
    assert_eq!((status, fetched), (200, bytes));
    assert!(
        disposition.starts_with("attachment; ") && disposition.contains("%E7%94%BB%201.bin"),
        "{disposition}"
    );
    assert_eq!(
        read["asset"]["owner"]["id"],
        me.user_id().unwrap().to_string()
    );
    assert_eq!(
        read["viewer"]["storage"],
        json!({ "assets": 1, "bytes": 10_000, "uploadingBytes": 0 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_twice_gives_the_same_file() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = pictures::png(&pictures::halves(8, 8), None);
    let first = world.upload(&me, "a.png", "image/png", &bytes).await;
    let again = world.complete(&me, &first["upload"]["id"]).await;
    assert_eq!(first, again);
    assert!(first["task"]["id"].as_str().unwrap().starts_with("tsk_"));
    assert_eq!(
        (world.count("media.asset").await, world.tasks().await.len()),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_at_the_same_moment_make_one_file() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(2, 5000);
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() });
    let upload = world.create(&me, input).await;
    world.send(&upload["put"], bytes).await;
    let tries = futures::future::join_all((0..6).map(|_| world.complete(&me, &upload["id"]))).await;
    for payload in &tries {
        assert!(
            payload["upload"]["status"] == "COMPLETED" || codes(payload) == ["UPLOAD_BUSY"],
            "{payload}"
        );
    }
    assert!(
        tries
            .iter()
            .any(|payload| payload["upload"]["status"] == "COMPLETED")
    );
    assert_eq!(world.count("media.asset").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_sent_or_something_else_sent_is_refused_and_can_be_mended() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(3, 2000);
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len(), "sha256": sha256(&bytes) });
    let upload = world.create(&me, input).await;
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["NOT_UPLOADED"]
    );
    // The signature holds for these bytes only, by length and by digest.
    assert!(world.send(&upload["put"], noise(3, 1999)).await >= 400);
    assert!(world.send(&upload["put"], noise(4, 2000)).await >= 400);
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["NOT_UPLOADED"]
    );
    // Whoever gets other bytes there nevertheless is found out.
    let key = format!("incoming/{}", uuid_of(&upload["id"]));
    world
        .storage
        .put_bytes(&key, "application/octet-stream", noise(3, 1999))
        .await
        .unwrap();
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["SIZE_MISMATCH"]
    );
    world
        .storage
        .put_bytes(&key, "application/octet-stream", noise(4, 2000))
        .await
        .unwrap();
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["CHECKSUM_MISMATCH"]
    );
    assert_eq!(
        (
            world.count("media.asset").await,
            world.accounts.state_of(upload["id"].as_str().unwrap())
        ),
        (0, Some("reserved"))
    );
    assert_eq!(world.send(&upload["put"], bytes).await, 200);
    assert_eq!(
        world.complete(&me, &upload["id"]).await["upload"]["status"],
        "COMPLETED"
    );
}

fn uuid_of(id: &serde_json::Value) -> String {
    let id: atelier_kit::id::Id<atelier_media::Upload> = id.as_str().unwrap().parse().unwrap();
    id.uuid().simple().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_announced_as_a_picture_is_rejected_and_its_quota_given_back() {
    let world = world().await;
    let me = somebody(&world);
    let page = b"<!DOCTYPE html><script>alert(document.cookie)</script>";
    let refused = world.upload(&me, "cat.png", "image/png", page).await;
    assert_eq!(codes(&refused), ["TYPE_MISMATCH"]);
    assert_eq!(
        refused["userErrors"][0]["params"],
        json!({ "declared": "image/png", "detected": "text/html" })
    );
    let mine = world
        .ask(
            &me,
            "{ viewer { uploads { nodes { id status asset { id } } totalCount } } }",
            json!({}),
        )
        .await;
    let upload = &mine["viewer"]["uploads"]["nodes"][0];
    assert_eq!(
        (&upload["status"], &upload["asset"]),
        (&json!("REJECTED"), &json!(null))
    );
    assert_eq!(mine["viewer"]["uploads"]["totalCount"], 1);
    assert_eq!(
        (world.accounts.taken(), world.count("media.blob").await),
        (0, 0)
    );
    assert_eq!(
        world
            .refused(&me, "uploadComplete", json!({ "uploadId": upload["id"] }))
            .await,
        ["UPLOAD_CLOSED"]
    );
    // The bytes are gone too.
    assert!(
        world
            .storage
            .head(&format!("incoming/{}", uuid_of(&upload["id"])))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_after_completion_does_not_change_the_file() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(5, 3000);
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() });
    let upload = world.create(&me, input).await;
    world.send(&upload["put"], bytes.clone()).await;
    let completed = world.complete(&me, &upload["id"]).await;
    // The signature is still good for anything of this length.
    assert_eq!(world.send(&upload["put"], noise(6, 3000)).await, 200);
    let read = world
        .ask(
            &me,
            "query($id: ID!) { asset(id: $id) { url { url } } }",
            json!({ "id": completed["asset"]["id"] }),
        )
        .await;
    assert_eq!(world.fetch(&read["asset"]["url"]["url"]).await.2, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn unacceptable_input_is_told_field_by_field() {
    let world = world().await;
    let me = somebody(&world);
    let input = json!({ "filename": "a/b", "contentType": "png", "byteSize": 0, "sha256": "x", "purpose": "", "idempotencyKey": "x".repeat(129) });
    let payload = world
        .mutate(&me, "uploadCreate", "upload { id }", input)
        .await;
    assert_eq!(
        codes(&payload),
        [
            "FILENAME_INVALID",
            "CONTENT_TYPE_INVALID",
            "BYTE_SIZE_INVALID",
            "TEXT_INVALID",
            "TEXT_INVALID",
            "DIGEST_INVALID"
        ]
    );
    assert_eq!(
        payload["userErrors"][2]["path"],
        json!(["input", "byteSize"])
    );
    for turned in ["photo-\u{202e}gpj.exe", "a\u{2066}b", "a\u{200f}b"] {
        let input = json!({ "filename": turned, "contentType": "a/b", "byteSize": 1 });
        assert_eq!(
            world.refused(&me, "uploadCreate", input).await,
            ["FILENAME_INVALID"]
        );
    }
    let too_large = json!({ "filename": "a", "contentType": "a/b", "byteSize": (64i64 << 30) + 1 });
    assert_eq!(
        world.refused(&me, "uploadCreate", too_large).await,
        ["BYTE_SIZE_INVALID"]
    );
    assert_eq!(
        (world.count("media.upload").await, world.accounts.taken()),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_gives_the_same_upload_and_refuses_another_one() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let input = |size: i32| json!({ "filename": "a", "contentType": "text/plain", "byteSize": size, "idempotencyKey": "k" });
    let first = world.create(&me, input(10)).await;
    assert_eq!(world.create(&me, input(10)).await["id"], first["id"]);
    assert_eq!(
        world.refused(&me, "uploadCreate", input(11)).await,
        ["IDEMPOTENCY_KEY_REUSED"]
    );
    assert_ne!(
        world.create(&other, input(11)).await["id"],
        first["id"],
        "keys are each caller's own"
    );
    assert_eq!(
        (world.count("media.upload").await, world.accounts.taken()),
        (2, 21)
    );
}
