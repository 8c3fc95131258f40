//! Object storage against a real S3 server.

use std::time::Duration;

use atelier_local::test_servers;
use atelier_storage::{
    CompletedPart, Disposition, GetOptions, PartChecksum, PutOptions, SignedRequest, Storage,
    StorageConfig, StorageError,
};
use base64::Engine as _;
use bytes::Bytes;
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};

const HOUR: Duration = Duration::from_secs(3600);
const MIB: usize = 1024 * 1024;

async fn config(bucket: &str) -> StorageConfig {
    let servers = test_servers().await;
    StorageConfig {
        endpoint: servers.s3_endpoint.clone(),
        public_endpoint: servers.s3_endpoint.clone(),
        region: servers.s3_region.clone(),
        bucket: format!("kit-{bucket}-{}", std::process::id()),
        access_key: servers.s3_access_key.clone(),
        secret_key: servers.s3_secret_key.clone(),
        path_style: true,
    }
}

async fn storage(bucket: &str) -> Storage {
    let storage = Storage::new(&config(bucket).await).unwrap();
    storage.ensure_bucket().await.unwrap();
    storage
}

/// Does what a browser would do with a signed request.
async fn send(request: &SignedRequest, body: impl Into<Bytes>) -> Response {
    let method = request.method.parse().unwrap();
    let mut builder = Client::new().request(method, &request.url);
    for (name, value) in &request.headers {
        // The client library works the length out from the body, as browsers do.
        if name != "content-length" {
            builder = builder.header(name, value);
        }
    }
    builder.body(body.into()).send().await.unwrap()
}

fn png(content: &[u8]) -> PutOptions {
    PutOptions {
        content_type: "image/png".to_owned(),
        content_length: content.len() as u64,
        sha256: Some(Sha256::digest(content).into()),
    }
}

#[tokio::test]
async fn a_client_puts_exactly_what_was_signed() {
    let storage = storage("put").await;
    let request = storage
        .presign_put("a/b.png", &png(b"pixels"), HOUR)
        .await
        .unwrap();
    assert_eq!(request.method, "PUT");
    let sent = send(&request, "pixels").await;
    assert_eq!(
        sent.status(),
        StatusCode::OK,
        "{}",
        sent.text().await.unwrap()
    );

    let info = storage.head("a/b.png").await.unwrap();
    assert_eq!(info.size, 6);
    assert_eq!(info.content_type.as_deref(), Some("image/png"));
    assert_eq!(info.sha256, Some(Sha256::digest(b"pixels").into()));
}

#[tokio::test]
async fn other_content_length_or_type_than_was_signed_is_refused() {
    let storage = storage("refuse").await;
    let request = storage
        .presign_put("k", &png(b"pixels"), HOUR)
        .await
        .unwrap();
    let other_content = send(&request, "pixelz").await.status();
    assert!(other_content.is_client_error(), "{other_content}");
    let longer = send(&request, "pixels and more").await.status();
    assert!(longer.is_client_error(), "{longer}");

    let mut other_type = request.clone();
    for (name, value) in &mut other_type.headers {
        if name == "content-type" {
            "text/html".clone_into(value);
        }
    }
    assert_eq!(
        send(&other_type, "pixels").await.status(),
        StatusCode::FORBIDDEN
    );
    let mut other_key = request;
    other_key.url = other_key.url.replace("/k?", "/other?");
    assert_eq!(
        send(&other_key, "pixels").await.status(),
        StatusCode::FORBIDDEN
    );

    for key in ["k", "other"] {
        assert!(
            matches!(storage.head(key).await, Err(StorageError::NotFound)),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_signed_download_has_the_name_and_type_it_was_signed_with() {
    let storage = storage("get").await;
    storage
        .put_bytes("x/1", "image/png", "pixels")
        .await
        .unwrap();
    let options = GetOptions {
        filename: Some("画册 1.png".to_owned()),
        disposition: Disposition::Attachment,
        content_type: Some("application/octet-stream".to_owned()),
    };
    let request = storage.presign_get("x/1", &options, HOUR).await.unwrap();
    let response = send(&request, "").await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    let disposition = header("content-disposition");
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    assert!(
        disposition.contains("%E7%94%BB%E5%86%8C%201.png"),
        "{disposition}"
    );
    assert_eq!(response.text().await.unwrap(), "pixels");
}

#[tokio::test]
async fn signed_requests_carry_the_public_endpoint() {
    let mut config = config("public").await;
    config.public_endpoint = "https://cdn.example.com".to_owned();
    let storage = Storage::new(&config).unwrap();
    let request = storage
        .presign_get("k", &GetOptions::default(), HOUR)
        .await
        .unwrap();
    let start = format!("https://cdn.example.com/{}/k?", config.bucket);
    assert!(request.url.starts_with(&start), "{}", request.url);
    assert!(!request.url.contains(&config.secret_key));

    config.path_style = false;
    let storage = Storage::new(&config).unwrap();
    let request = storage
        .presign_get("k", &GetOptions::default(), HOUR)
        .await
        .unwrap();
    let start = format!("https://{}.cdn.example.com/k?", config.bucket);
    assert!(request.url.starts_with(&start), "{}", request.url);
}

#[tokio::test]
async fn a_multipart_upload_survives_an_interruption_and_becomes_one_object() {
    let storage = storage("multipart").await;
    let parts = [vec![b'a'; 5 * MIB], vec![b'b'; 5 * MIB], b"end".to_vec()];
    let upload = storage
        .create_multipart("big", "video/mp4", PartChecksum::Sha256)
        .await
        .unwrap();
    let put = async |number: u16| {
        let content = &parts[usize::from(number) - 1];
        let (length, sha256) = (content.len() as u64, Sha256::digest(content).into());
        let request = storage
            .presign_upload_part("big", &upload, number, length, Some(sha256), HOUR)
            .await
            .unwrap();
        let sent = send(&request, content.clone()).await;
        assert_eq!(
            sent.status(),
            StatusCode::OK,
            "{}",
            sent.text().await.unwrap()
        );
    };
    put(3).await;
    put(1).await;

    // What a client on another device asks first: what is there already?
    let there = storage.list_parts("big", &upload).await.unwrap();
    let numbers: Vec<_> = there.iter().map(|part| (part.number, part.size)).collect();
    assert_eq!(numbers, [(1, 5 * MIB as u64), (3, 3)]);
    assert_eq!(there[0].sha256, Some(Sha256::digest(&parts[0]).into()));
    put(2).await;

    let pending = storage.list_multiparts("bi").await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(
        (pending[0].key.as_str(), &pending[0].upload_id),
        ("big", &upload)
    );

    let all = storage.list_parts("big", &upload).await.unwrap();
    let completed: Vec<CompletedPart> = all.into_iter().map(Into::into).collect();
    storage
        .complete_multipart("big", &upload, &completed)
        .await
        .unwrap();
    let info = storage.head("big").await.unwrap();
    assert_eq!(info.size, 10 * MIB as u64 + 3);
    assert_eq!(info.content_type.as_deref(), Some("video/mp4"));
    let seam = storage
        .get_range("big", 5 * MIB as u64 - 2, 4)
        .await
        .unwrap();
    assert_eq!(&seam[..], b"aabb");
}

#[tokio::test]
async fn parts_with_a_wrong_etag_or_checksum_do_not_become_an_object() {
    let storage = storage("badparts").await;
    let upload = storage
        .create_multipart("k", "video/mp4", PartChecksum::None)
        .await
        .unwrap();
    let request = storage
        .presign_upload_part("k", &upload, 1, 4, None, HOUR)
        .await
        .unwrap();
    assert_eq!(send(&request, "part").await.status(), StatusCode::OK);
    let wrong = CompletedPart {
        number: 1,
        etag: "\"00000000000000000000000000000000\"".to_owned(),
        sha256: None,
    };
    let error = storage
        .complete_multipart("k", &upload, &[wrong])
        .await
        .unwrap_err();
    assert!(
        matches!(error, StorageError::InvalidPart { .. }),
        "{error:?}"
    );
    assert!(matches!(
        storage.head("k").await,
        Err(StorageError::NotFound)
    ));

    storage.abort_multipart("k", &upload).await.unwrap();
    storage.abort_multipart("k", &upload).await.unwrap();
    let gone = storage.list_parts("k", &upload).await.unwrap_err();
    assert!(matches!(gone, StorageError::NotFound), "{gone:?}");
}

#[tokio::test]
async fn part_numbers_outside_the_protocol_are_refused() {
    let storage = Storage::new(&config("numbers").await).unwrap();
    for number in [0, 10_001] {
        let refused = storage
            .presign_upload_part("k", "u", number, 1, None, HOUR)
            .await;
        assert!(
            matches!(refused, Err(StorageError::Invalid { .. })),
            "{number}"
        );
    }
}

#[tokio::test]
async fn reading_is_bounded_and_ranged() {
    let storage = storage("read").await;
    storage
        .put_bytes("k", "text/plain", "0123456789")
        .await
        .unwrap();
    assert_eq!(&storage.get("k", 10).await.unwrap()[..], b"0123456789");
    let error = storage.get("k", 9).await.unwrap_err();
    assert!(
        matches!(error, StorageError::TooLarge { limit: 9 }),
        "{error:?}"
    );

    assert_eq!(&storage.get_range("k", 3, 4).await.unwrap()[..], b"3456");
    assert_eq!(&storage.get_range("k", 8, 100).await.unwrap()[..], b"89");
    for (start, length) in [(10, 1), (0, 0)] {
        let error = storage.get_range("k", start, length).await.unwrap_err();
        assert!(matches!(error, StorageError::InvalidRange), "{error:?}");
    }
    let error = storage.get("absent", 10).await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound), "{error:?}");
}

#[tokio::test]
async fn files_go_in_and_out_unchanged() {
    let storage = storage("files").await;
    let dir = tempfile::tempdir().unwrap();
    let (original, returned) = (dir.path().join("in"), dir.path().join("out"));
    let content: Vec<u8> = (0..3 * MIB).map(|at| (at % 251) as u8).collect();
    std::fs::write(&original, &content).unwrap();
    storage.put_file("f", "video/mp4", &original).await.unwrap();
    assert_eq!(
        storage.get_to_file("f", &returned).await.unwrap(),
        content.len() as u64
    );
    assert!(std::fs::read(&returned).unwrap() == content);

    let missing = storage
        .put_file("g", "video/mp4", &dir.path().join("none"))
        .await;
    assert!(matches!(missing, Err(StorageError::File(_))), "{missing:?}");
    let absent = storage.get_to_file("none", &dir.path().join("never")).await;
    assert!(matches!(absent, Err(StorageError::NotFound)), "{absent:?}");
    assert!(!dir.path().join("never").exists());
}

#[tokio::test]
async fn copies_keep_content_and_type_whatever_the_key_looks_like() {
    let storage = storage("copy").await;
    let (from, to) = ("a b/图+%20?#&.png", "to/图 +.png");
    storage
        .put_bytes(from, "image/png", "pixels")
        .await
        .unwrap();
    storage.copy(from, to).await.unwrap();
    assert_eq!(&storage.get(to, 100).await.unwrap()[..], b"pixels");
    let info = storage.head(to).await.unwrap();
    assert_eq!(info.content_type.as_deref(), Some("image/png"));
    let absent = storage.copy("none", "k").await.unwrap_err();
    assert!(matches!(absent, StorageError::NotFound), "{absent:?}");
}

#[tokio::test]
async fn deleting_takes_any_number_of_keys_and_minds_no_missing_ones() {
    let storage = storage("delete").await;
    let mut keys: Vec<String> = (0..1100).map(|number| format!("none/{number}")).collect();
    for key in ["first", "last"] {
        storage.put_bytes(key, "text/plain", "x").await.unwrap();
    }
    storage.put_bytes("kept", "text/plain", "x").await.unwrap();
    keys.insert(0, "first".to_owned());
    keys.push("last".to_owned());
    storage.delete(&keys).await.unwrap();
    for key in ["first", "last"] {
        assert!(
            matches!(storage.head(key).await, Err(StorageError::NotFound)),
            "{key}"
        );
    }
    assert!(storage.head("kept").await.is_ok());
    storage.delete::<&str>(&[]).await.unwrap();
}

#[tokio::test]
async fn a_bucket_is_created_once_and_can_be_asked_for() {
    let storage = Storage::new(&config("bucket").await).unwrap();
    let error = storage.check().await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound), "{error:?}");
    let (first, second) = tokio::join!(storage.ensure_bucket(), storage.ensure_bucket());
    first.unwrap();
    second.unwrap();
    storage.check().await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let mut config = config("denied").await;
    config.secret_key = "wrong".to_owned();
    let storage = Storage::new(&config).unwrap();
    let error = storage.put_bytes("k", "text/plain", "x").await.unwrap_err();
    assert!(matches!(error, StorageError::Denied), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn an_unreachable_store_is_a_transient_failure_over_http_and_https() {
    let port = atelier_local::free_port().unwrap();
    for scheme in ["http", "https"] {
        let mut config = config("away").await;
        config.endpoint = format!("{scheme}://127.0.0.1:{port}");
        let storage = Storage::new(&config).unwrap();
        let error = storage.head("k").await.unwrap_err();
        assert!(error.is_transient(), "{scheme}: {error:?}");
    }
}

#[tokio::test]
async fn endpoints_that_are_no_urls_are_refused_and_secrets_never_printed() {
    let mut config = config("config").await;
    assert!(!format!("{config:?}").contains(&config.secret_key));
    config.public_endpoint = "minio:9000".to_owned();
    let error = Storage::new(&config).unwrap_err();
    assert!(error.to_string().contains("minio:9000"), "{error}");
}

#[tokio::test]
async fn bytes_that_were_corrupted_on_the_way_are_refused() {
    let storage = storage("corrupt").await;
    let mut options = png(b"pixels");
    options.sha256 = Some(Sha256::digest(b"others").into());
    let request = storage.presign_put("k", &options, HOUR).await.unwrap();
    let sha = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(b"others"));
    let carried = request.url.contains("x-amz-checksum-sha256")
        || request.headers.iter().any(|(_, value)| *value == sha);
    assert!(carried, "the checksum is part of what was signed");
    assert_eq!(
        send(&request, "pixels").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert!(matches!(
        storage.head("k").await,
        Err(StorageError::NotFound)
    ));
}
