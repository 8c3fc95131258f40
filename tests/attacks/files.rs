//! Files that are not what they say, with names that say too much, and too many of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    store::{CREATE, URL, complete, key, plan, send},
    target::{Target, attacks, code},
    uploads::{picture, upload},
};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_do_no_harm() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            bytes_that_are_not_what_was_announced_are_not_taken,
            scripts_are_never_shown_inline,
            names_of_files_cannot_be_paths_or_headers,
            quotas_cannot_be_talked_around,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_takes_no_bytes_that_nobody_counts() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target; bytes_after_an_abort_are_refused_or_counted])
        .await;
}

async fn bytes_that_are_not_what_was_announced_are_not_taken(target: Target) {
    let person = target.person("phoebe").await;
    let page = b"<!doctype html><script>alert(document.domain)</script>".to_vec();
    let vector =
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let program = [b"MZ".as_slice(), &[0; 200]].concat();
    for (name, content_type, bytes) in [
        ("a.png", "image/png", page.clone()),
        ("a.jpg", "image/jpeg", vector),
        ("a.png", "image/png", program),
        ("a.mp4", "video/mp4", page),
    ] {
        let wanted = plan(&person, name, content_type, bytes.len()).await;
        let sent = send(&target, Method::PUT, &wanted.url, &wanted.headers, bytes).await;
        assert!(sent.expect("an answer").status().is_success());
        let answer = complete(&person, &wanted.id).await;
        let quarantined =
            answer.pointer("/data/uploadComplete/asset/status") == Some(&json!("QUARANTINED"));
        assert!(
            code(&answer) == Some("TYPE_MISMATCH") || quarantined,
            "{name}: {answer:#}"
        );
    }
    // A digest that is not theirs.
    let bytes = picture(5);
    let input = json!({ "filename": "d.png", "contentType": "image/png", "byteSize": bytes.len(), "sha256": "0".repeat(64) });
    let created =
        person.client.run(CREATE, json!({ "input": input })).await["uploadCreate"]["upload"]
            .clone();
    let headers: Vec<(String, String)> = created["put"]["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .map(|header| {
            (
                header["name"].as_str().unwrap_or_default().to_owned(),
                header["value"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let sent = send(
        &target,
        Method::PUT,
        created["put"]["url"].as_str().expect("a URL"),
        &headers,
        bytes,
    )
    .await;
    let stored = sent.is_ok_and(|response| response.status().is_success());
    let answer = complete(&person, created["id"].as_str().expect("an id")).await;
    assert!(
        !stored || code(&answer) == Some("CHECKSUM_MISMATCH"),
        "{answer:#}"
    );
    assert!(
        answer.pointer("/data/uploadComplete/asset/id").is_none(),
        "{answer:#}"
    );
}

async fn scripts_are_never_shown_inline(target: Target) {
    let person = target.person("pola").await;
    let page = b"<!doctype html><script>alert(document.domain)</script>".to_vec();
    let vector = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
    for (name, content_type, bytes) in [
        ("a.html", "text/html", page.clone()),
        ("a.svg", "image/svg+xml", vector),
        ("a.xhtml", "application/xhtml+xml", page.clone()),
        ("a.bin", "text/html; charset=utf-7", page),
    ] {
        let wanted = plan(&person, name, content_type, bytes.len()).await;
        send(&target, Method::PUT, &wanted.url, &wanted.headers, bytes)
            .await
            .expect("an answer");
        let answer = complete(&person, &wanted.id).await;
        let Some(asset) = answer
            .pointer("/data/uploadComplete/asset/id")
            .and_then(Value::as_str)
        else {
            continue;
        };
        let told = person
            .client
            .run(URL, json!({ "id": asset, "for": 600 }))
            .await["asset"]
            .clone();
        let Some(url) = told["url"]["url"].as_str() else {
            continue;
        };
        let read = send(&target, Method::GET, url, &[], Vec::new())
            .await
            .expect("an answer");
        let header = |name: &str| {
            read.headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        assert!(
            header("content-disposition").starts_with("attachment"),
            "{name}: {:?}",
            read.headers()
        );
    }
}

async fn names_of_files_cannot_be_paths_or_headers(target: Target) {
    let person = target.person("paloma").await;
    for name in [
        "../../etc/passwd",
        "a/b.png",
        "a\\b.png",
        "..",
        ".",
        "",
        " ",
        "a\r\nset-cookie: evil=1",
        "a\u{0}.png",
        "\u{1b}[2J.png",
        &"x".repeat(256),
    ] {
        let input = json!({ "filename": name, "contentType": "image/png", "byteSize": 100 });
        let answer = person
            .client
            .send(CREATE, json!({ "input": input }))
            .await
            .expect("an answer");
        assert_eq!(
            code(&answer),
            Some("FILENAME_INVALID"),
            "{name:?}: {answer:#}"
        );
    }
    for kind in [
        "image/png\r\nx-evil: 1",
        "image",
        "",
        "a/b/c d",
        &format!("image/{}", "x".repeat(300)),
    ] {
        let input = json!({ "filename": "a.png", "contentType": kind, "byteSize": 100 });
        let answer = person
            .client
            .send(CREATE, json!({ "input": input }))
            .await
            .expect("an answer");
        assert_eq!(
            code(&answer),
            Some("CONTENT_TYPE_INVALID"),
            "{kind:?}: {answer:#}"
        );
    }
    // What a name may hold cannot leave its place in a header, and is no part of a key.
    let bytes = picture(8);
    let name = "a\"; filename=\"evil.exe\"; x=\"';%0d%0a\u{fdfa}.png";
    let done = upload(&person.client, name, bytes)
        .await
        .expect("an upload");
    let query = "query($id: ID!) { asset(id: $id) { url(download: true) { url } } }";
    let told = person.client.run(query, json!({ "id": done.asset })).await["asset"].clone();
    let url = told["url"]["url"].as_str().expect("a URL").to_owned();
    assert!(!key(&url).1.contains("evil"), "{url}");
    let read = send(&target, Method::GET, &url, &[], Vec::new())
        .await
        .expect("an answer");
    let disposition = read
        .headers()
        .get("content-disposition")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default();
    assert_eq!(disposition.matches('"').count(), 2, "{disposition}");
}

async fn quotas_cannot_be_talked_around(target: Target) {
    let person = target.person("pandora").await;
    for size in [
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(9_007_199_254_740_991_i64),
        json!(1_u64 << 45),
    ] {
        let input = json!({ "filename": "a.png", "contentType": "image/png", "byteSize": size });
        let answer = person
            .client
            .send(CREATE, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(
            matches!(
                code(&answer),
                Some("BYTE_SIZE_INVALID" | "QUOTA_EXCEEDED" | "BAD_USER_INPUT")
            ),
            "{size}: {answer:#}"
        );
    }
    // Many at the same moment get no more than one after another.
    let quota = "{ viewer { quotas { meter limit used reserved remaining } } }";
    let storage = async || {
        let quotas = person.client.run(quota, json!({})).await["viewer"]["quotas"].clone();
        quotas
            .as_array()
            .expect("quotas")
            .iter()
            .find(|quota| quota["meter"] == "STORAGE_BYTES")
            .expect("storage")
            .clone()
    };
    let Some(limit) = storage().await["limit"].as_i64() else {
        return;
    };
    let size = (limit / 4).min(60 << 30);
    let create = |_| async {
        let input = json!({ "filename": "a.bin", "contentType": "application/octet-stream", "byteSize": size });
        person
            .client
            .send(CREATE, json!({ "input": input }))
            .await
            .expect("an answer")
    };
    let answers = futures::future::join_all((0..12).map(create)).await;
    let taken = answers
        .iter()
        .filter(|answer| code(answer).is_none())
        .count();
    let after = storage().await;
    let held = after["used"].as_i64().unwrap_or(0) + after["reserved"].as_i64().unwrap_or(0);
    assert!(held <= limit, "{after:#}");
    assert_eq!(
        i64::try_from(taken).expect("few") * size,
        after["reserved"].as_i64().unwrap_or(0),
        "{after:#}"
    );
}

async fn bytes_after_an_abort_are_refused_or_counted(target: Target) {
    let person = target.person("pamela").await;
    let bytes = picture(10);
    let wanted = plan(&person, "a.png", "image/png", bytes.len()).await;
    let query = "mutation($input: UploadAbortInput!) { uploadAbort(input: $input) { upload { status } userErrors { code } } }";
    person
        .client
        .run(query, json!({ "input": { "uploadId": wanted.id } }))
        .await;
    let sent = send(&target, Method::PUT, &wanted.url, &wanted.headers, bytes).await;
    let taken = sent.is_ok_and(|response| response.status().is_success());
    let quotas = person
        .client
        .run(
            "{ viewer { quotas { meter used reserved } storage { uploadingBytes } } }",
            json!({}),
        )
        .await;
    let quotas = quotas["viewer"]["quotas"]
        .as_array()
        .expect("quotas")
        .clone();
    let storage = quotas
        .iter()
        .find(|quota| quota["meter"] == "STORAGE_BYTES")
        .expect("storage");
    let counted = storage["reserved"].as_i64().unwrap_or(0) + storage["used"].as_i64().unwrap_or(0);
    assert!(
        !taken || counted > 0,
        "the store took bytes that no quota counts: {storage:#}"
    );
}
