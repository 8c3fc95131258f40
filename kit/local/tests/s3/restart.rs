//! What survives the end of the server.

use atelier_local::{LocalError, S3Credentials, S3Server, S3Store};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::world::{BUCKET, MIN_PART, World, bytes};

#[tokio::test]
async fn an_upload_is_resumed_after_a_restart_from_the_parts_that_arrived() {
    let world = World::new().await;
    let id = world.start_upload("k").await;
    world.put_part("k", &id, 1, bytes(MIN_PART, 1)).await;
    let world = world.restart().await;
    let arrived = world
        .s3
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(arrived.parts().len(), 1);
    let first = arrived.parts()[0].e_tag().unwrap().to_owned();
    let second = world.put_part("k", &id, 2, bytes(10, 2)).await;
    let parts = [(1, first), (2, second)].map(|(number, etag)| {
        CompletedPart::builder()
            .part_number(number)
            .e_tag(etag)
            .build()
    });
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts.to_vec()))
        .build();
    let request = world
        .s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    request.multipart_upload(parts).send().await.unwrap();
    let world = world.restart().await;
    assert_eq!(
        world.get("k").await.unwrap(),
        [bytes(MIN_PART, 1), bytes(10, 2)].concat()
    );
}

#[tokio::test]
async fn a_url_handed_out_before_a_restart_works_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let start = async || {
        let store = S3Store::open(dir.path()).unwrap();
        store.ensure_bucket(BUCKET).unwrap();
        let credentials = S3Credentials::remembered(dir.path()).unwrap();
        S3Server::start_on_remembered_port(store, credentials)
            .await
            .unwrap()
    };
    let server = start().await;
    let s3 = crate::world::client(&server, &server.credentials().secret_key);
    let put = s3.put_object().bucket(BUCKET).key("k");
    let url = put
        .presigned(crate::world::minute())
        .await
        .unwrap()
        .uri()
        .to_owned();
    server.stop().await;
    let server = start().await;
    let answer = reqwest::Client::new()
        .put(url)
        .body("bytes")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn what_a_crash_left_is_swept_at_the_next_start() {
    let world = World::new().await;
    world.put("k", b"kept").await;
    let World { dir, server, .. } = world;
    server.stop().await;
    // As a crash leaves them: a body half received, and an upload half created.
    std::fs::write(dir.path().join("tmp/.tmpHalf"), b"half").unwrap();
    let half_upload = dir
        .path()
        .join("buckets")
        .join(BUCKET)
        .join("uploads")
        .join("a".repeat(32));
    std::fs::create_dir_all(&half_upload).unwrap();
    let store = S3Store::open(dir.path()).unwrap();
    assert_eq!(
        std::fs::read_dir(dir.path().join("tmp")).unwrap().count(),
        0
    );
    assert!(!half_upload.exists());
    drop(store);
}

#[tokio::test]
async fn a_store_that_is_open_is_not_opened_twice() {
    let world = World::new().await;
    let error = S3Store::open(world.dir.path()).unwrap_err();
    assert!(
        matches!(error, LocalError::DataDirInUse { pid, .. } if pid == std::process::id()),
        "{error}"
    );
}

#[tokio::test]
async fn a_damaged_object_is_an_error_and_not_other_bytes() {
    let world = World::new().await;
    world.put("k", b"whole").await;
    let objects = world
        .dir
        .path()
        .join("buckets")
        .join(BUCKET)
        .join("objects");
    let shard = std::fs::read_dir(objects)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let file = std::fs::read_dir(shard)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let stored = std::fs::read(&file).unwrap();
    std::fs::write(&file, &stored[1..]).unwrap();
    let answer = world
        .http
        .get(world.get_url("k").await)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 500);
}
