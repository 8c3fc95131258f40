//! Uploads in one piece.

use atelier_contracts::accounts::ReservationState;
use serde_json::json;

use crate::{
    pictures,
    world::{codes, noise, sha256, somebody, stored_at, world},
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
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
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
        (
            world.database().rows("media.asset").await,
            world.tasks().await.len()
        ),
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
    assert_eq!(world.database().rows("media.asset").await, 1);
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
    let short = world.sign_length(&upload, 1999).await;
    assert_eq!(world.send(&short, noise(3, 1999)).await, 200);
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["SIZE_MISMATCH"]
    );
    let unchecked = world.sign_length(&upload, 2000).await;
    assert_eq!(world.send(&unchecked, noise(4, 2000)).await, 200);
    assert_eq!(
        codes(&world.complete(&me, &upload["id"]).await),
        ["CHECKSUM_MISMATCH"]
    );
    assert_eq!(
        (
            world.database().rows("media.asset").await,
            world.accounts.state_of(upload["id"].as_str().unwrap())
        ),
        (0, Some(ReservationState::Reserved))
    );
    assert_eq!(world.send(&upload["put"], bytes).await, 200);
    assert_eq!(
        world.complete(&me, &upload["id"]).await["upload"]["status"],
        "COMPLETED"
    );
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
        .data(
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
        (
            world.accounts.taken(),
            world.database().rows("media.blob").await
        ),
        (0, 0)
    );
    assert_eq!(
        world
            .mutation_refused(&me, "uploadComplete", json!({ "uploadId": upload["id"] }))
            .await,
        ["UPLOAD_CLOSED"]
    );
    // The bytes are gone too.
    assert!(world.storage.head(&stored_at(&upload["id"])).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_before_completion_replaces_and_after_it_changes_nothing() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(5, 3000);
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len() });
    let upload = world.create(&me, input).await;
    // A lost answer is no trouble, nor a change of mind.
    for sent in [&noise(6, 3000), &bytes, &bytes] {
        assert_eq!(world.send(&upload["put"], sent.clone()).await, 200);
    }
    let completed = world.complete(&me, &upload["id"]).await;
    // The signature is still good, but there is nothing left that it could bring bytes to.
    for sent in [noise(6, 3000), bytes.clone()] {
        assert_eq!(world.send(&upload["put"], sent).await, 404);
    }
    let read = world
        .data(
            &me,
            "query($id: ID!) { asset(id: $id) { url { url } } }",
            json!({ "id": completed["asset"]["id"] }),
        )
        .await;
    assert_eq!(world.fetch(&read["asset"]["url"]["url"]).await.2, bytes);
    assert_eq!(world.storage.list_multiparts("").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_died_after_taking_the_bytes_is_finished_by_the_next_one() {
    let world = world().await;
    let me = somebody(&world);
    let bytes = noise(7, 3000);
    let input = json!({ "filename": "a", "contentType": "application/octet-stream", "byteSize": bytes.len(), "sha256": sha256(&bytes) });
    let upload = world.create(&me, input).await;
    world.send(&upload["put"], bytes.clone()).await;
    let key = stored_at(&upload["id"]);
    let id = &world.storage.list_multiparts(&key).await.unwrap()[0].upload_id;
    let parts = world.storage.list_parts(&key, id).await.unwrap();
    let parts: Vec<_> = parts.into_iter().map(Into::into).collect();
    let joined = world.storage.complete_multipart(&key, id, &parts).await;
    joined.unwrap();
    let completed = world.complete(&me, &upload["id"]).await;
    assert_eq!(completed["upload"]["status"], "COMPLETED");
    // What the store verified is forgotten with the parts: a worker reads the file.
    world.work().await;
    let query = "query($id: ID!) { asset(id: $id) { status sha256 } }";
    let read = world.data(&me, query, json!({ "id": completed["asset"]["id"] }));
    assert_eq!(
        read.await["asset"],
        json!({ "status": "ACTIVE", "sha256": sha256(&bytes) })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_as_what_they_were_judged_to_be() {
    let world = world().await;
    let me = somebody(&world);
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let xhtml = "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><script>alert(1)</script></html>";
    let page = "<!DOCTYPE html><script>alert(1)</script>";
    let png = pictures::png(&pictures::halves(8, 8), None);
    for (announced, bytes, served, shown) in [
        ("image/svg+xml", svg.as_bytes(), "image/svg+xml", false),
        (
            "image/anything+xml",
            xhtml.as_bytes(),
            "image/anything+xml",
            false,
        ),
        ("text/html", page.as_bytes(), "text/html", false),
        ("text/plain", page.as_bytes(), "text/plain", true),
        (
            "application/octet-stream",
            page.as_bytes(),
            "application/octet-stream",
            false,
        ),
        ("application/octet-stream", &png[..], "image/png", true),
        ("IMAGE/PNG; x=y", &png[..], "image/png", true),
    ] {
        let completed = world.upload(&me, "a", announced, bytes).await;
        let query = "query($id: ID!) { asset(id: $id) { contentType url { url } download: url(download: true) { url } } }";
        let variables = json!({ "id": completed["asset"]["id"] });
        let asset = world.data(&me, query, variables).await["asset"].take();
        assert_eq!(asset["contentType"], served, "{announced}");
        let url = asset["url"]["url"].as_str().unwrap();
        let answer = world.http.get(url).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["content-type"], served, "{announced}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let disposition = headers["content-disposition"].to_str().unwrap();
        assert_eq!(disposition.starts_with("inline"), shown, "{announced}");
        let download = world.fetch(&asset["download"]["url"]).await;
        assert!(download.1.starts_with("attachment"), "{}", download.1);
        // The signature holds for these headers: nobody makes a page of a text.
        let forged = url.replace(
            "response-content-type=",
            "response-content-type=text%2Fhtml&x=",
        );
        assert_eq!(world.http.get(forged).send().await.unwrap().status(), 403);
        // What the store itself believes runs nowhere, whatever was announced.
        let stored = world
            .storage
            .head(&stored_at(&completed["upload"]["id"]))
            .await;
        let stored = stored.unwrap().content_type;
        assert_eq!(stored.as_deref(), Some("application/octet-stream"));
    }
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
            world.mutation_refused(&me, "uploadCreate", input).await,
            ["FILENAME_INVALID"]
        );
    }
    let too_large = json!({ "filename": "a", "contentType": "a/b", "byteSize": (64i64 << 30) + 1 });
    assert_eq!(
        world.mutation_refused(&me, "uploadCreate", too_large).await,
        ["BYTE_SIZE_INVALID"]
    );
    assert_eq!(
        (
            world.database().rows("media.upload").await,
            world.accounts.taken()
        ),
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
        world.mutation_refused(&me, "uploadCreate", input(11)).await,
        ["IDEMPOTENCY_KEY_REUSED"]
    );
    assert_ne!(
        world.create(&other, input(11)).await["id"],
        first["id"],
        "keys are each caller's own"
    );
    assert_eq!(
        (
            world.database().rows("media.upload").await,
            world.accounts.taken()
        ),
        (2, 21)
    );
}
