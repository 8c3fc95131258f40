//! Objects: stored, described, copied, deleted.

use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier};

use crate::world::{BUCKET, World, bytes, code};

#[tokio::test]
async fn an_object_comes_back_with_its_headers_and_metadata() {
    let world = World::new().await;
    let content = bytes(100_000, 7);
    world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("a picture.png")
        .content_type("image/png")
        .content_disposition("inline")
        .cache_control("max-age=60")
        .metadata("owner", "usr_1")
        .body(content.clone().into())
        .send()
        .await
        .unwrap();
    let head = world
        .s3
        .head_object()
        .bucket(BUCKET)
        .key("a picture.png")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(100_000));
    assert_eq!(head.content_type(), Some("image/png"));
    assert_eq!(head.metadata().unwrap()["owner"], "usr_1");
    let got = world
        .s3
        .get_object()
        .bucket(BUCKET)
        .key("a picture.png")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!(got.cache_control(), Some("max-age=60"));
    assert_eq!(got.e_tag(), head.e_tag());
    assert_eq!(got.body.collect().await.unwrap().to_vec(), content);
}

#[tokio::test]
async fn the_etag_of_a_simple_object_is_its_md5() {
    let world = World::new().await;
    assert_eq!(
        world.put("hello", b"hello").await,
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let world = World::new().await;
    world.put("empty", b"").await;
    assert_eq!(world.get("empty").await.as_deref(), Some(&b""[..]));
}

#[tokio::test]
async fn a_key_beside_keys_below_it_and_long_keys_all_work() {
    let world = World::new().await;
    let long = format!("{}/{}", "长".repeat(160), "k".repeat(500));
    let keys = [
        "a",
        "a/b",
        "a/b/c",
        "a//b",
        "../up",
        "with space+plus%25",
        long.as_str(),
    ];
    for (seed, key) in keys.iter().enumerate() {
        world.put(key, &[u8::try_from(seed).unwrap()]).await;
    }
    for (seed, key) in keys.iter().enumerate() {
        assert_eq!(
            world.get(key).await,
            Some(vec![u8::try_from(seed).unwrap()]),
            "{key}"
        );
    }
}

#[tokio::test]
async fn overwriting_replaces_bytes_and_metadata() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .metadata("old", "yes")
        .body(vec![1; 10].into());
    put.send().await.unwrap();
    world.put("k", b"new").await;
    let head = world
        .s3
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(3));
    assert!(head.metadata().is_none_or(|metadata| metadata.is_empty()));
}

#[tokio::test]
async fn deleting_removes_and_deleting_again_is_no_error() {
    let world = World::new().await;
    world.put("k", b"x").await;
    for _ in 0..2 {
        world
            .s3
            .delete_object()
            .bucket(BUCKET)
            .key("k")
            .send()
            .await
            .unwrap();
        assert_eq!(world.get("k").await, None);
    }
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.put(key, b"x").await;
    }
    let gone = ["a", "c", "never"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder()
        .set_objects(Some(gone.to_vec()))
        .build()
        .unwrap();
    world
        .s3
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete)
        .send()
        .await
        .unwrap();
    assert_eq!((world.get("a").await, world.get("c").await), (None, None));
    assert_eq!(world.get("b").await, Some(b"x".to_vec()));
}

#[tokio::test]
async fn a_copy_keeps_metadata_or_replaces_it_as_asked() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("from")
        .metadata("m", "1")
        .body(bytes(70_000, 1).into());
    put.content_type("text/plain").send().await.unwrap();
    let copy = || {
        world
            .s3
            .copy_object()
            .bucket(BUCKET)
            .copy_source(format!("{BUCKET}/from"))
    };
    copy().key("kept").send().await.unwrap();
    copy()
        .key("replaced")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("image/gif")
        .send()
        .await
        .unwrap();
    let kept = world
        .s3
        .head_object()
        .bucket(BUCKET)
        .key("kept")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (kept.content_type(), kept.metadata().unwrap()["m"].as_str()),
        (Some("text/plain"), "1")
    );
    let replaced = world
        .s3
        .head_object()
        .bucket(BUCKET)
        .key("replaced")
        .send()
        .await
        .unwrap();
    assert_eq!(replaced.content_type(), Some("image/gif"));
    assert!(
        replaced
            .metadata()
            .is_none_or(|metadata| metadata.is_empty())
    );
    assert_eq!(world.get("kept").await, Some(bytes(70_000, 1)));
}

#[tokio::test]
async fn copying_what_is_not_there_creates_nothing() {
    let world = World::new().await;
    let copy = world
        .s3
        .copy_object()
        .bucket(BUCKET)
        .key("to")
        .copy_source(format!("{BUCKET}/from"));
    assert_eq!(code(&copy.send().await.unwrap_err()), "NoSuchKey");
    assert_eq!(world.get("to").await, None);
}

#[tokio::test]
async fn buckets_are_created_once_and_removed_only_when_empty() {
    let world = World::new().await;
    world
        .s3
        .create_bucket()
        .bucket("second")
        .send()
        .await
        .unwrap();
    let again = world
        .s3
        .create_bucket()
        .bucket("second")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&again), "BucketAlreadyOwnedByYou");
    world
        .s3
        .put_object()
        .bucket("second")
        .key("k")
        .body(vec![1].into())
        .send()
        .await
        .unwrap();
    let full = world
        .s3
        .delete_bucket()
        .bucket("second")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&full), "BucketNotEmpty");
    world
        .s3
        .delete_object()
        .bucket("second")
        .key("k")
        .send()
        .await
        .unwrap();
    world
        .s3
        .delete_bucket()
        .bucket("second")
        .send()
        .await
        .unwrap();
    assert!(
        world
            .s3
            .head_bucket()
            .bucket("second")
            .send()
            .await
            .is_err()
    );
    let names = world.s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = names
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    assert_eq!(names, [BUCKET]);
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_named_as_the_reason() {
    let world = World::new().await;
    let put = world
        .s3
        .put_object()
        .bucket("nowhere")
        .key("k")
        .body(vec![1].into());
    assert_eq!(code(&put.send().await.unwrap_err()), "NoSuchBucket");
}
