//! Signed URLs in hostile hands, and what is uploaded with them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    store::{URL, assert_refused, complete, key, link, plan, send, with},
    target::{Person, Target, attacks, code},
    uploads::{picture, task_ended, upload},
    victim::SECRET,
};

#[tokio::test(flavor = "multi_thread")]
async fn signatures_allow_what_was_signed_and_nothing_else() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            a_changed_request_is_not_the_one_that_was_signed,
            a_signed_read_reads_one_object,
            the_store_gives_nothing_without_a_signature,
            a_put_after_completion_changes_nothing,
        ])
        .await;
}

async fn a_changed_request_is_not_the_one_that_was_signed(target: Target) {
    let (person, other) = (target.person("paula").await, target.person("peter").await);
    let bytes = picture(1);
    let wanted = plan(&person, "a.png", "image/png", bytes.len()).await;
    let theirs = plan(&other, "b.png", "image/png", bytes.len()).await;
    let (bucket, own) = key(&wanted.url);
    let (_, foreign) = key(&theirs.url);
    let query = wanted.url.split_once('?').expect("signed").1;
    let to = |name: &str| format!("{bucket}{name}?{query}");
    let slashed = own.replace('/', "%2F");
    for (what, url) in [
        ("another's key", to(foreign)),
        ("a key that is kept", to("blobs/nothing")),
        ("a key above", to(&format!("{own}/../../blobs/nothing"))),
        (
            "a key above, encoded",
            to(&format!("{own}%2F..%2F..%2Fblobs%2Fnothing")),
        ),
        ("a key below", to(&format!("{own}/below"))),
        ("a key in other letters", to(&own.to_uppercase())),
        ("a key with a zero", to(&format!("{own}%00"))),
        (
            "another bucket",
            wanted.url.replacen(
                bucket.rsplit('/').nth(1).expect("a bucket"),
                "another-bucket",
                1,
            ),
        ),
        ("no key", format!("{bucket}?{query}")),
        (
            "a longer life",
            with(&wanted.url, "X-Amz-Expires", Some("604800")),
        ),
        (
            "an endless life",
            with(&wanted.url, "X-Amz-Expires", Some("99999999")),
        ),
        ("no end", with(&wanted.url, "X-Amz-Expires", None)),
        (
            "another date",
            with(&wanted.url, "X-Amz-Date", Some("20300101T000000Z")),
        ),
        (
            "fewer signed headers",
            with(&wanted.url, "X-Amz-SignedHeaders", Some("host")),
        ),
        (
            "another algorithm",
            with(&wanted.url, "X-Amz-Algorithm", Some("NONE")),
        ),
        ("no signature", with(&wanted.url, "X-Amz-Signature", None)),
        (
            "an empty signature",
            with(&wanted.url, "X-Amz-Signature", Some("")),
        ),
        (
            "a signature of zeros",
            with(&wanted.url, "X-Amz-Signature", Some(&"0".repeat(64))),
        ),
        (
            "another credential",
            with(
                &wanted.url,
                "X-Amz-Credential",
                Some("root%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"),
            ),
        ),
        (
            "another signature",
            with(
                &wanted.url,
                "X-Amz-Signature",
                Some(
                    theirs
                        .url
                        .split("X-Amz-Signature=")
                        .nth(1)
                        .and_then(|rest| rest.split('&').next())
                        .expect("signed"),
                ),
            ),
        ),
        ("an access list", format!("{}&acl", wanted.url)),
        ("tags", format!("{}&tagging", wanted.url)),
        (
            "another operation",
            format!("{}&x-id=GetObject", wanted.url),
        ),
        (
            "no query",
            wanted.url.split('?').next().expect("a URL").to_owned(),
        ),
    ] {
        let sent = send(&target, Method::PUT, &url, &wanted.headers, bytes.clone()).await;
        assert_refused(what, sent).await;
    }
    for method in [Method::GET, Method::DELETE, Method::POST, Method::HEAD] {
        let sent = send(
            &target,
            method.clone(),
            &wanted.url,
            &wanted.headers,
            Vec::new(),
        )
        .await;
        assert_refused(method.as_str(), sent).await;
    }
    // The real length is sent with each body.
    let real: Vec<(String, String)> = wanted
        .headers
        .iter()
        .filter(|(name, _)| name != "content-length")
        .cloned()
        .collect();
    let changed = |name: &str, value: &str| -> Vec<(String, String)> {
        let others = real
            .iter()
            .filter(|(known, _)| !known.eq_ignore_ascii_case(name))
            .cloned();
        others
            .chain([(name.to_owned(), value.to_owned())])
            .collect()
    };
    for (what, headers, body) in [
        (
            "more bytes",
            real.clone(),
            [bytes.clone(), vec![0; 100_000]].concat(),
        ),
        ("fewer bytes", real.clone(), bytes[1..].to_vec()),
        ("no bytes", real.clone(), Vec::new()),
        (
            "a copy of another's",
            changed(
                "x-amz-copy-source",
                &format!(
                    "/{}/{foreign}",
                    bucket.rsplit('/').nth(1).expect("a bucket")
                ),
            ),
            Vec::new(),
        ),
    ] {
        let sent = send(&target, Method::PUT, &wanted.url, &headers, body).await;
        assert_refused(what, sent).await;
    }
    let answer = complete(&person, &wanted.id).await;
    assert_eq!(
        code(&answer),
        Some("NOT_UPLOADED"),
        "something was taken: {answer:#}"
    );
    // The same key written otherwise is the same request, or none.
    let _ = send(
        &target,
        Method::PUT,
        &to(&slashed),
        &wanted.headers,
        bytes.clone(),
    )
    .await;
    // The type is the plan's, whatever is sent with the bytes.
    let html = changed("content-type", "text/html");
    let _ = send(&target, Method::PUT, &wanted.url, &html, bytes.clone()).await;
    let sent = send(&target, Method::PUT, &wanted.url, &wanted.headers, bytes).await;
    assert!(
        sent.expect("an answer").status().is_success(),
        "what was signed is taken"
    );
    let answer = complete(&person, &wanted.id).await;
    let asset = &answer["data"]["uploadComplete"]["asset"];
    assert_eq!(asset["contentType"], "image/png", "{answer:#}");
    let url = link(&person, asset["id"].as_str().expect("an id")).await;
    let read = send(&target, Method::GET, &url, &[], Vec::new()).await;
    assert_eq!(
        read.expect("an answer").headers()["content-type"],
        "image/png"
    );
}

async fn a_signed_read_reads_one_object(target: Target) {
    let (person, other) = (target.person("petra").await, target.person("pavel").await);
    let own = upload(&person.client, "a.png", picture(2))
        .await
        .expect("an upload");
    let theirs = upload(&other.client, "b.png", picture(3))
        .await
        .expect("an upload");
    let (url, foreign) = (
        link(&person, &own.asset).await,
        link(&other, &theirs.asset).await,
    );
    let ((bucket, own), (_, foreign)) = (key(&url), key(&foreign));
    let query = url.split_once('?').expect("signed").1;
    for (what, url) in [
        ("another's", format!("{bucket}{foreign}?{query}")),
        ("the list of all", format!("{bucket}?{query}&list-type=2")),
        (
            "one above",
            format!(
                "{bucket}{own}/../{}?{query}",
                foreign.rsplit('/').next().expect("a name")
            ),
        ),
        (
            "another type",
            with(&url, "response-content-type", Some("text%2Fhtml")),
        ),
        (
            "shown inline",
            with(&url, "response-content-disposition", Some("inline")),
        ),
        ("for longer", with(&url, "X-Amz-Expires", Some("604800"))),
        ("without a signature", with(&url, "X-Amz-Signature", None)),
    ] {
        assert_refused(
            what,
            send(&target, Method::GET, &url, &[], Vec::new()).await,
        )
        .await;
    }
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        assert_refused(
            method.as_str(),
            send(&target, method.clone(), &url, &[], b"evil".to_vec()).await,
        )
        .await;
    }
    for lifetime in [0, -1, 604_801, i32::MAX] {
        let answer = person
            .client
            .send(URL, json!({ "id": own_id(&person).await, "for": lifetime }))
            .await
            .expect("an answer");
        assert!(
            answer.pointer("/data/asset/url/url").is_none(),
            "{lifetime}: {answer:#}"
        );
    }
    let read = send(&target, Method::GET, &url, &[], Vec::new())
        .await
        .expect("an answer");
    assert_eq!(
        read.bytes().await.expect("bytes").to_vec(),
        picture(2),
        "what was signed is read"
    );
}

async fn own_id(person: &Person) -> Value {
    person
        .client
        .run(
            "{ viewer { assets(first: 1) { nodes { id } } } }",
            json!({}),
        )
        .await["viewer"]["assets"]["nodes"][0]["id"]
        .clone()
}

async fn the_store_gives_nothing_without_a_signature(target: Target) {
    let person = target.person("pilar").await;
    let own = upload(&person.client, &format!("{SECRET}.png"), picture(4))
        .await
        .expect("an upload");
    let url = link(&person, &own.asset).await;
    let (bucket, name) = key(&url);
    let store = bucket
        .trim_end_matches('/')
        .rsplit_once('/')
        .expect("a bucket")
        .0;
    for path in [
        String::new(),
        "?list-type=2".into(),
        "?uploads".into(),
        "?policy".into(),
        "?acl".into(),
        name.into(),
        format!("{name}?versions"),
        "..".into(),
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd".into(),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
            let sent = send(
                &target,
                method.clone(),
                &format!("{bucket}{path}"),
                &[],
                Vec::new(),
            )
            .await;
            assert_refused(&format!("{method} {path}"), sent).await;
        }
    }
    for url in [
        format!("{store}/"),
        format!("{store}/another-bucket"),
        format!("{store}/?x-id=ListBuckets"),
    ] {
        assert_refused(
            &url,
            send(&target, Method::GET, &url, &[], Vec::new()).await,
        )
        .await;
    }
}

async fn a_put_after_completion_changes_nothing(target: Target) {
    let person = target.person("priya").await;
    let (bytes, evil) = (picture(6), picture(66));
    assert_eq!(
        bytes.len(),
        evil.len(),
        "so that the size gives nothing away"
    );
    let wanted = plan(&person, "a.png", "image/png", bytes.len()).await;
    send(
        &target,
        Method::PUT,
        &wanted.url,
        &wanted.headers,
        bytes.clone(),
    )
    .await
    .expect("an answer");
    // While it is judged, and afterwards.
    let swapping = async {
        for _ in 0..30 {
            let _ = send(
                &target,
                Method::PUT,
                &wanted.url,
                &wanted.headers,
                evil.clone(),
            )
            .await;
        }
    };
    let (answer, ()) = tokio::join!(complete(&person, &wanted.id), swapping);
    let asset = answer
        .pointer("/data/uploadComplete/asset/id")
        .and_then(Value::as_str);
    let asset = asset.unwrap_or_else(|| panic!("{answer:#}")).to_owned();
    let read = async || {
        let url = link(&person, &asset).await;
        let read = send(&target, Method::GET, &url, &[], Vec::new())
            .await
            .expect("an answer");
        read.bytes().await.expect("bytes").to_vec()
    };
    let first = read().await;
    let _ = send(&target, Method::PUT, &wanted.url, &wanted.headers, evil).await;
    task_ended(
        &person.client,
        answer
            .pointer("/data/uploadComplete/task/id")
            .and_then(Value::as_str)
            .expect("a task"),
    )
    .await;
    assert_eq!(read().await, first, "it changed after it was judged");
    let query = "query($id: ID!) { asset(id: $id) { sha256 byteSize } }";
    let told = person.client.run(query, json!({ "id": asset })).await["asset"].clone();
    if let Some(digest) = told["sha256"].as_str() {
        use sha2::Digest;
        let real = hex::encode(sha2::Sha256::digest(&first));
        assert_eq!(digest, real, "another content was judged than is served");
    }
}
