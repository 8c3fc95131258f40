//! Multipart uploads.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};

use crate::world::{BUCKET, MIN_PART, World, bytes, code};

fn part(number: i32, etag: &str) -> CompletedPart {
    CompletedPart::builder()
        .part_number(number)
        .e_tag(etag)
        .build()
}

async fn complete(
    world: &World,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
) -> Result<String, String> {
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let request = world
        .s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id);
    match request.multipart_upload(parts).send().await {
        Ok(answer) => Ok(answer.e_tag.unwrap()),
        Err(error) => Err(code(&error)),
    }
}

#[tokio::test]
async fn presigned_parts_in_any_order_become_one_object() {
    let world = World::new().await;
    let (first, second) = (bytes(MIN_PART, 1), bytes(123, 2));
    let id = world.start_upload("k").await;
    let mut etags = Vec::new();
    for (number, content) in [(2, &second), (1, &first)] {
        let put = world
            .http
            .put(world.part_url("k", &id, number).await)
            .body(content.clone());
        let answer = put.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        etags.push((
            number,
            answer.headers()["etag"].to_str().unwrap().to_owned(),
        ));
    }
    assert_eq!(world.get("k").await, None);
    etags.sort();
    let listed = world
        .s3
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = listed
        .parts()
        .iter()
        .map(|part| {
            (
                part.part_number().unwrap(),
                part.e_tag().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(listed, etags);
    let parts = etags
        .iter()
        .map(|(number, etag)| part(*number, etag))
        .collect();
    let etag = complete(&world, "k", &id, parts).await.unwrap();
    assert!(etag.ends_with("-2\""), "{etag}");
    assert_eq!(world.get("k").await.unwrap(), [first, second].concat());
    assert!(world.leftovers().is_empty());
}

#[tokio::test]
async fn a_wrong_or_missing_etag_completes_nothing() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let etag = world.put_part("k", &id, 1, b"part".to_vec()).await;
    let wrong = part(1, "\"00000000000000000000000000000000\"");
    assert_eq!(
        complete(&world, "k", &id, vec![wrong]).await,
        Err("InvalidPart".to_owned())
    );
    let without = CompletedPart::builder().part_number(1).build();
    assert_eq!(
        complete(&world, "k", &id, vec![without]).await,
        Err("InvalidPart".to_owned())
    );
    let never_sent = vec![part(1, &etag), part(2, &etag)];
    let refused = complete(&world, "k", &id, never_sent).await.unwrap_err();
    assert!(
        refused == "InvalidPart" || refused == "EntityTooSmall",
        "{refused}"
    );
    assert_eq!(world.get("k").await, None);
    // The upload is still there and can be completed rightly.
    complete(&world, "k", &id, vec![part(1, &etag)])
        .await
        .unwrap();
    assert_eq!(world.get("k").await, Some(b"part".to_vec()));
}

#[tokio::test]
async fn parts_out_of_order_or_too_small_complete_nothing() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let first = world.put_part("k", &id, 1, b"small".to_vec()).await;
    let second = world.put_part("k", &id, 2, b"last".to_vec()).await;
    let backwards = vec![part(2, &second), part(1, &first)];
    assert_eq!(
        complete(&world, "k", &id, backwards).await,
        Err("InvalidPartOrder".to_owned())
    );
    let twice = vec![part(1, &first), part(1, &first)];
    assert_eq!(
        complete(&world, "k", &id, twice).await,
        Err("InvalidPartOrder".to_owned())
    );
    let in_order = vec![part(1, &first), part(2, &second)];
    assert_eq!(
        complete(&world, "k", &id, in_order).await,
        Err("EntityTooSmall".to_owned())
    );
    assert!(complete(&world, "k", &id, Vec::new()).await.is_err());
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn a_part_sent_again_replaces_the_earlier_one() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let old = world.put_part("k", &id, 1, b"old".to_vec()).await;
    let new = world.put_part("k", &id, 1, b"new".to_vec()).await;
    assert_eq!(
        complete(&world, "k", &id, vec![part(1, &old)]).await,
        Err("InvalidPart".to_owned())
    );
    complete(&world, "k", &id, vec![part(1, &new)])
        .await
        .unwrap();
    assert_eq!(world.get("k").await, Some(b"new".to_vec()));
}

#[tokio::test]
async fn completing_again_gives_the_same_answer() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let etag = world.put_part("k", &id, 1, b"part".to_vec()).await;
    let first = complete(&world, "k", &id, vec![part(1, &etag)])
        .await
        .unwrap();
    assert_eq!(
        complete(&world, "k", &id, vec![part(1, &etag)]).await,
        Ok(first)
    );
    // Not for an object that something else has replaced since.
    world.put("k", b"newer").await;
    let late = complete(&world, "k", &id, vec![part(1, &etag)]).await;
    assert_eq!(late, Err("NoSuchUpload".to_owned()));
    assert_eq!(world.get("k").await, Some(b"newer".to_vec()));
}

#[tokio::test]
async fn an_aborted_upload_is_gone_with_its_parts() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let etag = world.put_part("k", &id, 1, b"part".to_vec()).await;
    let url = world.part_url("k", &id, 2).await;
    world
        .s3
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        complete(&world, "k", &id, vec![part(1, &etag)]).await,
        Err("NoSuchUpload".to_owned())
    );
    let late = world.http.put(url).body("late").send().await.unwrap();
    assert_eq!(late.status(), 404);
    assert_eq!(world.get("k").await, None);
    let uploads = world
        .s3
        .list_multipart_uploads()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    assert!(uploads.uploads().is_empty());
}

#[tokio::test]
async fn uploads_under_way_are_listed_page_by_page() {
    let world = World::new().await;
    let mut started = Vec::new();
    for key in ["b", "a", "a", "c/x"] {
        started.push((key.to_owned(), world.start_upload(key).await));
    }
    let mut seen = Vec::new();
    let (mut key, mut id) = (None, None);
    loop {
        let page = world
            .s3
            .list_multipart_uploads()
            .bucket(BUCKET)
            .max_uploads(1);
        let page = page
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await
            .unwrap();
        let uploads = page.uploads().iter();
        seen.extend(uploads.map(|upload| {
            (
                upload.key().unwrap().to_owned(),
                upload.upload_id().unwrap().to_owned(),
            )
        }));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
    }
    assert!(seen.is_sorted_by_key(|(key, _)| key.clone()));
    seen.sort();
    started.sort();
    assert_eq!(seen, started);
    let below = world
        .s3
        .list_multipart_uploads()
        .bucket(BUCKET)
        .prefix("c/")
        .send()
        .await
        .unwrap();
    assert_eq!(below.uploads().len(), 1);
}

#[tokio::test]
async fn parts_are_listed_page_by_page() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    for number in [3, 1, 7, 10] {
        world
            .put_part("k", &id, number, vec![u8::try_from(number).unwrap()])
            .await;
    }
    let list = || {
        world
            .s3
            .list_parts()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id)
            .max_parts(3)
    };
    let first = list().send().await.unwrap();
    let numbers = |page: &aws_sdk_s3::operation::list_parts::ListPartsOutput| -> Vec<i32> {
        page.parts()
            .iter()
            .filter_map(|part| part.part_number())
            .collect()
    };
    assert_eq!(
        (numbers(&first), first.is_truncated()),
        (vec![1, 3, 7], Some(true))
    );
    let marker = first.next_part_number_marker().unwrap().to_owned();
    let second = list().part_number_marker(marker).send().await.unwrap();
    assert_eq!(
        (numbers(&second), second.is_truncated()),
        (vec![10], Some(false))
    );
}

#[tokio::test]
async fn an_upload_of_another_key_or_a_made_up_id_is_not_found() {
    let world = World::new().await;
    let id = world.start_upload("mine").await;
    for (key, id) in [
        ("other", id.as_str()),
        ("mine", "../../../etc"),
        ("mine", &"a".repeat(32)),
    ] {
        let parts = world
            .s3
            .list_parts()
            .bucket(BUCKET)
            .key(key)
            .upload_id(id)
            .send()
            .await;
        assert_eq!(code(&parts.unwrap_err()), "NoSuchUpload", "{key} {id}");
    }
}

#[tokio::test]
async fn composite_checksums_are_made_of_the_parts_and_checked() {
    let world = World::new().await;
    let create = world.s3.create_multipart_upload().bucket(BUCKET).key("k");
    let create = create
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    let id = create.upload_id.unwrap();
    let part = world
        .s3
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1);
    let part = part
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .body(b"hello".to_vec().into());
    let sent = part.send().await.unwrap();
    let claimed = |sum: &str| {
        let etag = sent.e_tag.clone().unwrap();
        CompletedPart::builder()
            .part_number(1)
            .e_tag(etag)
            .checksum_sha256(sum)
            .build()
    };
    let wrong = complete(&world, "k", &id, vec![claimed("AAAA")]).await;
    assert_eq!(wrong, Err("InvalidPart".to_owned()));
    complete(
        &world,
        "k",
        &id,
        vec![claimed(&sent.checksum_sha256.clone().unwrap())],
    )
    .await
    .unwrap();
    let head = world.s3.head_object().bucket(BUCKET).key("k");
    let head = head
        .checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert!(head.checksum_sha256().unwrap().ends_with("-1"));
    assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
}

#[tokio::test]
async fn a_full_object_checksum_is_computed_over_all_parts_and_checked() {
    let world = World::new().await;
    let create = world.s3.create_multipart_upload().bucket(BUCKET).key("k");
    let create = create
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .checksum_type(ChecksumType::FullObject);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let etag = world.put_part("k", &id, 1, b"hello".to_vec()).await;
    let finish = |sum: &str| {
        let parts = CompletedMultipartUpload::builder()
            .parts(part(1, &etag))
            .build();
        let request = world
            .s3
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id);
        request.checksum_crc32(sum).multipart_upload(parts).send()
    };
    assert_eq!(code(&finish("AAAAAA==").await.unwrap_err()), "BadDigest");
    assert_eq!(world.get("k").await, None);
    let done = finish("NhCmhg==").await.unwrap();
    assert_eq!(done.checksum_crc32(), Some("NhCmhg=="));
}

#[tokio::test]
async fn a_checksum_that_was_never_computed_is_not_believed() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let etag = world.put_part("k", &id, 1, b"hello".to_vec()).await;
    let sha256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let claimed = CompletedPart::builder()
        .part_number(1)
        .e_tag(&etag)
        .checksum_sha256(sha256)
        .build();
    assert_eq!(
        complete(&world, "k", &id, vec![claimed]).await,
        Err("InvalidPart".to_owned())
    );
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn completing_twice_at_once_makes_one_object_for_both() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    let etag = world.put_part("k", &id, 1, bytes(3_000_000, 4)).await;
    let (first, second) = tokio::join!(
        complete(&world, "k", &id, vec![part(1, &etag)]),
        complete(&world, "k", &id, vec![part(1, &etag)]),
    );
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(world.get("k").await, Some(bytes(3_000_000, 4)));
}
