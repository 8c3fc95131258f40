//! Ranges and conditional requests.

use crate::world::{BUCKET, World, bytes, code};

async fn status(world: &World, header: &str, value: &str) -> u16 {
    let url = world.get_url("k").await;
    world
        .http
        .get(url)
        .header(header, value)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_range_gives_just_those_bytes() {
    let world = World::new().await;
    let content = bytes(700_000, 3);
    world.put("k", &content).await;
    for (asked, expected) in [
        ("bytes=0-9", 0..10),
        ("bytes=300000-599999", 300_000..600_000),
        ("bytes=699990-", 699_990..700_000),
        ("bytes=-5", 699_995..700_000),
        ("bytes=699999-900000", 699_999..700_000),
    ] {
        let answer = world
            .http
            .get(world.get_url("k").await)
            .header("range", asked)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 206, "{asked}");
        let described = format!("bytes {}-{}/700000", expected.start, expected.end - 1);
        assert_eq!(answer.headers()["content-range"], described.as_str());
        assert_eq!(
            answer.headers()["content-length"],
            expected.len().to_string().as_str()
        );
        assert_eq!(answer.bytes().await.unwrap(), &content[expected], "{asked}");
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_refused() {
    let world = World::new().await;
    world.put("k", b"12345").await;
    assert_eq!(status(&world, "range", "bytes=5-").await, 416);
}

#[tokio::test]
async fn an_unchanged_object_is_not_sent_again() {
    let world = World::new().await;
    let etag = world.put("k", b"12345").await;
    let url = world.get_url("k").await;
    let answer = world
        .http
        .get(url)
        .header("if-none-match", &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 304);
    assert_eq!(answer.headers()["etag"], etag.as_str());
    assert!(answer.bytes().await.unwrap().is_empty());
    assert_eq!(status(&world, "if-none-match", "\"other\"").await, 200);
}

#[tokio::test]
async fn dates_decide_when_no_etag_is_given() {
    let world = World::new().await;
    world.put("k", b"12345").await;
    let answer = world
        .http
        .get(world.get_url("k").await)
        .send()
        .await
        .unwrap();
    let stored = answer.headers()["last-modified"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&world, "if-modified-since", &stored).await, 304);
    assert_eq!(status(&world, "if-unmodified-since", &stored).await, 200);
    let long_ago = "Thu, 01 Jan 2015 00:00:00 GMT";
    assert_eq!(status(&world, "if-modified-since", long_ago).await, 200);
    assert_eq!(status(&world, "if-unmodified-since", long_ago).await, 412);
}

#[tokio::test]
async fn another_etag_than_demanded_fails_the_read() {
    let world = World::new().await;
    let etag = world.put("k", b"12345").await;
    assert_eq!(status(&world, "if-match", &etag).await, 200);
    assert_eq!(status(&world, "if-match", "\"other\"").await, 412);
}

#[tokio::test]
async fn a_write_only_if_absent_never_overwrites() {
    let world = World::new().await;
    let write = |body: &'static [u8]| {
        let put = world
            .s3
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .if_none_match("*");
        put.body(aws_sdk_s3::primitives::ByteStream::from_static(body))
            .send()
    };
    write(b"first").await.unwrap();
    assert_eq!(
        code(&write(b"second").await.unwrap_err()),
        "PreconditionFailed"
    );
    assert_eq!(world.get("k").await, Some(b"first".to_vec()));
    assert!(world.leftovers().is_empty());
}

#[tokio::test]
async fn a_write_only_over_a_known_version_never_overwrites_another() {
    let world = World::new().await;
    let etag = world.put("k", b"first").await;
    let write = |etag: &str| {
        world
            .s3
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .if_match(etag)
            .body(b"second".to_vec().into())
            .send()
    };
    assert_eq!(
        code(&write("\"other\"").await.unwrap_err()),
        "PreconditionFailed"
    );
    assert_eq!(world.get("k").await, Some(b"first".to_vec()));
    write(&etag).await.unwrap();
    assert_eq!(world.get("k").await, Some(b"second".to_vec()));
}
