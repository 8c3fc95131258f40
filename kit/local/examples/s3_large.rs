//! Uploads and reads back 2 GiB through presigned URLs, one PUT and then parts, and prints the
//! speed and how far the memory of this process (server and client together) rose.

use std::time::{Duration, Instant};

use atelier_local::{S3Credentials, S3Server, S3Store};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::{StreamExt, stream};

const MIB: u64 = 1024 * 1024;
const TOTAL: u64 = 2048 * MIB;
const PART: u64 = 64 * MIB;
const BUCKET: &str = "large";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let store = S3Store::open(dir.path())?;
    store.ensure_bucket(BUCKET)?;
    let server = S3Server::start_on_free_port(store, S3Credentials::generate()).await?;
    let (s3, http) = (client(&server), reqwest::Client::new());
    let soon = PresigningConfig::expires_in(Duration::from_secs(600))?;
    let before = resident_mib();

    let begun = Instant::now();
    let url = s3
        .put_object()
        .bucket(BUCKET)
        .key("one")
        .presigned(soon.clone())
        .await?;
    put(&http, url.uri(), TOTAL).await?;
    report("one PUT", begun, before);

    let begun = Instant::now();
    let upload = s3
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("many")
        .send()
        .await?;
    let id = upload.upload_id.ok_or("no upload id")?;
    let mut parts = CompletedMultipartUpload::builder();
    for number in 1..=i32::try_from(TOTAL / PART)? {
        let part = s3
            .upload_part()
            .bucket(BUCKET)
            .key("many")
            .upload_id(&id)
            .part_number(number);
        let etag = put(&http, part.presigned(soon.clone()).await?.uri(), PART).await?;
        parts = parts.parts(
            CompletedPart::builder()
                .part_number(number)
                .e_tag(etag)
                .build(),
        );
    }
    report("parts", begun, before);
    let begun = Instant::now();
    let complete = s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("many")
        .upload_id(id);
    complete.multipart_upload(parts.build()).send().await?;
    report("complete", begun, before);

    let begun = Instant::now();
    let url = s3
        .get_object()
        .bucket(BUCKET)
        .key("many")
        .presigned(soon)
        .await?;
    let mut body = http.get(url.uri()).send().await?.bytes_stream();
    let mut read = 0;
    while let Some(bytes) = body.next().await {
        read += bytes?.len() as u64;
    }
    assert_eq!(read, TOTAL);
    report("GET", begun, before);
    server.stop().await;
    Ok(())
}

async fn put(http: &reqwest::Client, url: &str, length: u64) -> Outcome<String> {
    let piece = Bytes::from(vec![7_u8; 64 * 1024]);
    let pieces = usize::try_from(length)? / piece.len();
    let body = stream::repeat(piece)
        .take(pieces)
        .map(Ok::<_, std::io::Error>);
    let put = http
        .put(url)
        .header("content-length", length)
        .body(reqwest::Body::wrap_stream(body));
    let answer = put.send().await?.error_for_status()?;
    Ok(answer.headers()["etag"].to_str()?.to_owned())
}

fn client(server: &S3Server) -> Client {
    let pair = server.credentials();
    let credentials = Credentials::new(&pair.access_key, &pair.secret_key, None, None, "example");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(server.endpoint())
        .region(Region::new(server.region()))
        .force_path_style(true)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Client::from_conf(config)
}

fn report(what: &str, begun: Instant, before_mib: u64) {
    let seconds = begun.elapsed().as_secs_f64();
    let speed = 2048.0 / seconds;
    let peak = resident_mib().saturating_sub(before_mib);
    println!("{what}: {seconds:.2} s, {speed:.0} MiB/s, peak memory {peak} MiB above the start");
}

/// The most memory this process has had, in MiB (Linux only; 0 elsewhere).
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
