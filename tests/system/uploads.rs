//! What tests upload.

use serde_json::{Value, json};

use crate::harness::{Client, eventually};

/// A small picture that differs by `seed`.
pub fn picture(seed: u32) -> Vec<u8> {
    picture_of(seed, 8)
}

/// A square picture with sides of `side` pixels. The pixels are stored as they are, so that no
/// encoder is needed.
pub fn picture_of(seed: u32, side: u32) -> Vec<u8> {
    let mut raw = Vec::new();
    for row in 0..side {
        raw.push(0);
        for column in 0..side {
            let pixel = seed
                .wrapping_mul(2_654_435_761)
                .wrapping_add(row * 977 + column * 31);
            raw.extend_from_slice(&pixel.to_be_bytes()[1..]);
        }
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    chunk(&mut png, b"IHDR", &header);
    // Stored blocks of RFC 1951 §3.2.4, inside the frame of RFC 1950.
    let mut stored = vec![0x78, 0x01];
    let blocks = raw.chunks(usize::from(u16::MAX));
    let last = blocks.len() - 1;
    for (at, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).expect("a block of at most 65,535 bytes");
        stored.push(u8::from(at == last));
        stored.extend_from_slice(&length.to_le_bytes());
        stored.extend_from_slice(&(!length).to_le_bytes());
        stored.extend_from_slice(block);
    }
    stored.extend_from_slice(&adler32(&raw).to_be_bytes());
    chunk(&mut png, b"IDAT", &stored);
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    png.extend_from_slice(
        &u32::try_from(data.len())
            .expect("a small chunk")
            .to_be_bytes(),
    );
    let mut checked = name.to_vec();
    checked.extend_from_slice(data);
    png.extend_from_slice(&checked);
    png.extend_from_slice(&crc32(&checked).to_be_bytes());
}

/// RFC 1950 §9.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    (high << 16) | low
}

/// ISO 3309, as PNG wants it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

const CREATE: &str = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { \
    upload { id strategy put { method url headers { name value } } } userErrors { code message path } } }";
const COMPLETE: &str = "mutation($input: UploadCompleteInput!) { uploadComplete(input: $input) { \
    asset { id } task { id } userErrors { code message path } } }";
const TASK: &str = "query($id: ID!) { task(id: $id) { id status attempt error { message } } }";

/// What became of an acknowledged upload.
#[derive(Debug, Clone)]
pub struct Uploaded {
    pub asset: String,
    pub task: String,
}

/// Uploads a picture; `None` if the server went away before it acknowledged.
pub async fn upload(client: &Client, name: &str, bytes: Vec<u8>) -> Option<Uploaded> {
    let input = json!({ "filename": name, "contentType": "image/png", "byteSize": bytes.len() });
    let created = client.send(CREATE, json!({ "input": input })).await.ok()?;
    let upload = created
        .pointer("/data/uploadCreate/upload")
        .filter(|upload| !upload.is_null())?;
    let put = &upload["put"];
    let mut request = client
        .http
        .put(put["url"].as_str().expect("a URL"))
        .body(bytes);
    for header in put["headers"].as_array().expect("headers") {
        request = request.header(
            header["name"].as_str().expect("a name"),
            header["value"].as_str().expect("a value"),
        );
    }
    let stored = request.send().await.ok()?;
    if !stored.status().is_success() {
        return None;
    }
    let completed = client
        .send(COMPLETE, json!({ "input": { "uploadId": upload["id"] } }))
        .await
        .ok()?;
    let text = |path: &str| {
        completed
            .pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Some(Uploaded {
        asset: text("/data/uploadComplete/asset/id")?,
        task: text("/data/uploadComplete/task/id")?,
    })
}

/// Waits until a task has ended and returns it.
pub async fn task_ended(client: &Client, id: &str) -> Value {
    eventually(&format!("the end of {id}"), || async {
        let answer = client.send(TASK, json!({ "id": id })).await.ok()?;
        let task = answer.pointer("/data/task")?.clone();
        let ended = ["SUCCEEDED", "FAILED", "CANCELLED"].contains(&task["status"].as_str()?);
        ended.then_some(task)
    })
    .await
}
