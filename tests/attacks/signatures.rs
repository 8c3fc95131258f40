//! Signed URLs in hostile hands, and what is uploaded with them.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    target::{Person, Target, attacks, code, in_time},
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
            bytes_that_are_not_what_was_announced_are_not_taken,
            a_put_after_completion_changes_nothing,
            scripts_are_never_shown_inline,
            names_of_files_cannot_be_paths_or_headers,
            quotas_cannot_be_talked_around,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "awaits reservations that outlive signatures"]
async fn an_aborted_upload_takes_no_bytes_that_nobody_counts() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target; bytes_after_an_abort_are_refused_or_counted])
        .await;
}

const CREATE: &str = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { \
    upload { id strategy put { method url headers { name value } } } userErrors { code message path } } }";
const COMPLETE: &str = "mutation($input: UploadCompleteInput!) { uploadComplete(input: $input) { \
    asset { id status contentType } task { id } userErrors { code message path } } }";

/// A planned upload.
struct Plan {
    id: String,
    url: String,
    headers: Vec<(String, String)>,
}

async fn plan(person: &Person, name: &str, content_type: &str, size: usize) -> Plan {
    let input = json!({ "filename": name, "contentType": content_type, "byteSize": size });
    let created =
        person.client.run(CREATE, json!({ "input": input })).await["uploadCreate"].clone();
    let upload = &created["upload"];
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{created:#}"))
            .to_owned()
    };
    let headers = upload["put"]["headers"]
        .as_array()
        .unwrap_or_else(|| panic!("{created:#}"));
    Plan {
        id: text(&upload["id"]),
        url: text(&upload["put"]["url"]),
        headers: headers
            .iter()
            .map(|header| (text(&header["name"]), text(&header["value"])))
            .collect(),
    }
}

async fn complete(person: &Person, id: &str) -> Value {
    person
        .client
        .send(COMPLETE, json!({ "input": { "uploadId": id } }))
        .await
        .expect("an answer")
}

async fn send(
    target: &Target,
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Result<Response, reqwest::Error> {
    let mut request = target.client.http.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    in_time("the store", request.send()).await
}

/// Fails unless the store refuses; it may also close while the body is still being sent.
async fn assert_refused(what: &str, sent: Result<Response, reqwest::Error>) {
    if let Ok(response) = sent {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        assert!(
            (400..500).contains(&status) || status == 501,
            "{what}: {status} {text:.300}"
        );
        assert!(!text.contains(SECRET), "{what}: {text:.300}");
    }
}

/// A URL with one parameter of its query changed; taken away without a value.
fn with(url: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = url.split_once('?').expect("a signed URL");
    let mut found = false;
    let mut pairs: Vec<String> = query
        .split('&')
        .filter_map(|pair| {
            let (key, _) = pair.split_once('=').unwrap_or((pair, ""));
            if !key.eq_ignore_ascii_case(name) {
                return Some(pair.to_owned());
            }
            found = true;
            value.map(|value| format!("{key}={value}"))
        })
        .collect();
    if let (false, Some(value)) = (found, value) {
        pairs.push(format!("{name}={value}"));
    }
    format!("{path}?{}", pairs.join("&"))
}

/// The name of the object in a URL, and the URL up to it.
fn key(url: &str) -> (&str, &str) {
    let (path, _) = url.split_once('?').expect("a signed URL");
    let (start, _) = path.match_indices('/').nth(3).expect("a bucket and a key");
    (&path[..=start], &path[start + 1..])
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
            "another type",
            changed("content-type", "text/html"),
            bytes.clone(),
        ),
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
    let sent = send(&target, Method::PUT, &wanted.url, &wanted.headers, bytes).await;
    assert!(
        sent.expect("an answer").status().is_success(),
        "what was signed is taken"
    );
    let answer = complete(&person, &wanted.id).await;
    assert!(
        answer
            .pointer("/data/uploadComplete/asset/id")
            .is_some_and(Value::is_string),
        "{answer:#}"
    );
}

const URL: &str =
    "query($id: ID!, $for: Int!) { asset(id: $id) { url(expiresIn: $for) { url } filename } }";

async fn link(person: &Person, asset: &str) -> String {
    let asset = person
        .client
        .run(URL, json!({ "id": asset, "for": 600 }))
        .await["asset"]
        .clone();
    asset["url"]["url"]
        .as_str()
        .unwrap_or_else(|| panic!("{asset:#}"))
        .to_owned()
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
        let real: String = sha2::Sha256::digest(&first)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest, real, "another content was judged than is served");
    }
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
