//! Checksums: believed only after they were computed.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};

use crate::world::{BUCKET, World, bytes, code, code_in};

#[tokio::test]
async fn every_algorithm_of_the_sdk_is_verified_and_given_back() {
    let world = World::new().await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = world
            .s3
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone());
        let stored = put.body(bytes(50_000, 9).into()).send().await.unwrap();
        // Reading with the mode on makes the SDK compare as well.
        let get = world
            .s3
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled);
        let got = get.send().await.unwrap();
        let (put_sum, get_sum) = match algorithm {
            ChecksumAlgorithm::Crc32 => (stored.checksum_crc32, got.checksum_crc32.clone()),
            ChecksumAlgorithm::Crc32C => (stored.checksum_crc32_c, got.checksum_crc32_c.clone()),
            ChecksumAlgorithm::Crc64Nvme => {
                (stored.checksum_crc64_nvme, got.checksum_crc64_nvme.clone())
            }
            ChecksumAlgorithm::Sha1 => (stored.checksum_sha1, got.checksum_sha1.clone()),
            _ => (stored.checksum_sha256, got.checksum_sha256.clone()),
        };
        assert!(put_sum.is_some(), "{algorithm}");
        assert_eq!(put_sum, get_sum, "{algorithm}");
        assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes(50_000, 9));
    }
}

#[tokio::test]
async fn bytes_that_do_not_match_a_checksum_are_refused_and_not_kept() {
    let world = World::new().await;
    // Each is the checksum of "hello" by its algorithm; what is sent is something else.
    for (header, value) in [
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-crc32c", "mnG7TA=="),
        ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        (
            "x-amz-checksum-sha256",
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
    ] {
        let url = world.put_url("k").await;
        let answer = world
            .http
            .put(&url)
            .header(header, value)
            .body("hollo")
            .send()
            .await
            .unwrap();
        assert_eq!(
            code_in(answer).await,
            (400, "BadDigest".to_owned()),
            "{header}"
        );
        assert_eq!(world.get("k").await, None, "{header}");
        assert!(world.leftovers().is_empty(), "{header}");
        let answer = world
            .http
            .put(&url)
            .header(header, value)
            .body("hello")
            .send()
            .await
            .unwrap();
        assert_eq!(code_in(answer).await, (200, String::new()), "{header}");
        world
            .s3
            .delete_object()
            .bucket(BUCKET)
            .key("k")
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_refused_overwrite_leaves_the_old_object() {
    let world = World::new().await;
    world.put("k", b"old").await;
    let put = world
        .http
        .put(world.put_url("k").await)
        .header("x-amz-checksum-crc32", "NhCmhg==");
    assert_eq!(put.body("hollo").send().await.unwrap().status(), 400);
    assert_eq!(world.get("k").await, Some(b"old".to_vec()));
}

#[tokio::test]
async fn a_checksum_signed_into_the_url_counts() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_crc32("NhCmhg==");
    let presigned = put.presigned(crate::world::minute()).await.unwrap();
    let send = |body: &'static str| {
        let request = presigned
            .headers()
            .fold(world.http.put(presigned.uri()), |request, (name, value)| {
                request.header(name, value)
            });
        request.body(body).send()
    };
    assert_eq!(
        code_in(send("hollo").await.unwrap()).await,
        (400, "BadDigest".to_owned())
    );
    assert_eq!(world.get("k").await, None);
    assert_eq!(send("hello").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_part_that_does_not_match_its_checksum_is_not_kept() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let part = world
        .s3
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1);
    let part = part
        .checksum_crc32("NhCmhg==")
        .body(b"hollo".to_vec().into());
    assert_eq!(code(&part.send().await.unwrap_err()), "BadDigest");
    let parts = world
        .s3
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert!(parts.parts().is_empty());
    assert!(world.leftovers().is_empty());
}

#[tokio::test]
async fn a_body_cut_off_in_the_middle_leaves_nothing() {
    use tokio::io::AsyncWriteExt;
    let world = World::new().await;
    let url = world.put_url("k").await;
    let path = url.strip_prefix(&world.server.endpoint()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(world.server.address())
        .await
        .unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 3000000\r\n\r\n",
        world.server.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes(2_000_000, 1)).await.unwrap();
    // Until the server has begun the file, so that the cut comes in the middle of it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while world.leftovers().is_empty() && std::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!world.leftovers().is_empty());
    drop(stream);
    while !world.leftovers().is_empty() && std::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(world.leftovers().is_empty());
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn a_streamed_body_with_its_checksum_behind_it_is_verified() {
    let world = World::new().await;
    let file = world.dir.path().join("source");
    std::fs::write(&file, bytes(300_000, 5)).unwrap();
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Sha256] {
        // A body that is read only once cannot be hashed before it is sent.
        let body = aws_sdk_s3::primitives::ByteStream::from_path(&file)
            .await
            .unwrap();
        let put = world
            .s3
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone());
        put.body(body).send().await.unwrap();
        let head = world
            .s3
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        let kept = match algorithm {
            ChecksumAlgorithm::Crc32 => head.checksum_crc32,
            _ => head.checksum_sha256,
        };
        assert!(kept.is_some(), "{algorithm}");
        assert_eq!(world.get("k").await, Some(bytes(300_000, 5)));
    }
}
