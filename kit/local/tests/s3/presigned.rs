//! Presigned URLs, used as browsers and curl use them.

use crate::world::{BUCKET, World, client, code, code_in, expired, minute};

#[tokio::test]
async fn a_presigned_put_stores_and_a_presigned_get_reads() {
    let world = World::new().await;
    let put = world
        .http
        .put(world.put_url("k").await)
        .header("content-type", "image/png")
        .body("bytes");
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("etag"));
    let answer = world
        .http
        .get(world.get_url("k").await)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.text().await.unwrap(), "bytes");
}

#[tokio::test]
async fn a_presigned_get_can_name_the_download() {
    let world = World::new().await;
    world.put("k", b"bytes").await;
    let get = world.s3.get_object().bucket(BUCKET).key("k");
    let get = get
        .response_content_disposition(
            "attachment; filename=\"a.txt\"; filename*=UTF-8''%E5%9B%BE.txt",
        )
        .response_content_type("text/plain; charset=utf-8");
    let url = get.presigned(minute()).await.unwrap().uri().to_owned();
    let answer = world.http.get(url).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"a.txt\""),
        "{disposition}"
    );
}

#[tokio::test]
async fn an_expired_url_is_refused_and_stores_nothing() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .presigned(expired())
        .await
        .unwrap();
    let answer = world
        .http
        .put(put.uri())
        .body("bytes")
        .send()
        .await
        .unwrap();
    assert_eq!(code_in(answer).await, (403, "AccessDenied".to_owned()));
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn a_url_for_one_key_opens_no_other() {
    let world = World::new().await;
    world.put("mine", b"1").await;
    world.put("other", b"2").await;
    let url = world.get_url("mine").await.replace("/mine?", "/other?");
    let answer = world.http.get(url).send().await.unwrap();
    assert_eq!(
        code_in(answer).await,
        (403, "SignatureDoesNotMatch".to_owned())
    );
}

#[tokio::test]
async fn a_url_for_reading_does_not_write() {
    let world = World::new().await;
    world.put("k", b"old").await;
    let answer = world
        .http
        .put(world.get_url("k").await)
        .body("new")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(world.get("k").await, Some(b"old".to_vec()));
}

#[tokio::test]
async fn another_secret_or_none_is_refused() {
    let world = World::new().await;
    world.put("k", b"x").await;
    let forged = client(&world.server, "another-secret");
    let error = forged
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&error), "SignatureDoesNotMatch");
    let unsigned = world
        .http
        .get(format!("{}/{BUCKET}/k", world.server.endpoint()))
        .send()
        .await
        .unwrap();
    assert_eq!(unsigned.status(), 403);
}

#[tokio::test]
async fn a_browser_may_upload_from_any_page_and_read_the_etag() {
    let world = World::new().await;
    let url = world.put_url("k").await;
    let origin = "http://studio.example";
    let preflight = world
        .http
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "content-type,x-amz-checksum-sha256",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-methods"], "PUT");
    let allowed = preflight.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("x-amz-checksum-sha256"), "{allowed}");
    let put = world
        .http
        .put(&url)
        .header("origin", origin)
        .body("bytes")
        .send()
        .await
        .unwrap();
    let exposed = put.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        exposed.split(',').any(|name| name.trim() == "etag"),
        "{exposed}"
    );
}

#[tokio::test]
async fn a_refused_put_is_answered_although_nobody_wants_its_body() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .presigned(expired())
        .await
        .unwrap();
    // More than the buffers of a connection hold, so that most of it is still to be sent
    // when the store has made up its mind.
    let body = vec![7_u8; 24 * 1024 * 1024];
    for _ in 0..3 {
        let answer = world.http.put(put.uri()).body(body.clone());
        let answer = answer.send().await.expect("no answer");
        assert_eq!(code_in(answer).await, (403, "AccessDenied".to_owned()));
    }
    assert_eq!(world.get("k").await, None);
}
