//! Pictures that are made to cost: small to send, endless to decode.

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};
use serde_json::{Value, json};

use crate::{
    target::{Target, attacks, in_time},
    uploads::{picture, task_ended, upload},
};

#[tokio::test(flavor = "multi_thread")]
async fn pictures_cost_bounded_memory_and_time() {
    let target = Target::up().await;
    target.in_turn(attacks![target; dimensions_that_nobody_has, pixels_that_pack_well, a_colour_profile_that_explodes, pictures_that_are_damaged]).await;
}

/// What the process may hold more at most while a picture is worked on, in bytes.
const GROWTH: u64 = 300 << 20;

/// A chunk of a PNG (RFC 2083 §3.2).
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(data);
    let length = u32::try_from(data.len()).expect("a small chunk");
    [
        &length.to_be_bytes(),
        name.as_slice(),
        data,
        &crc.sum().to_be_bytes(),
    ]
    .concat()
}

/// So many zeros, packed.
fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let block = vec![0; 1 << 20];
    for at in (0..count).step_by(block.len()) {
        encoder
            .write_all(&block[..block.len().min(count - at)])
            .expect("memory");
    }
    encoder.finish().expect("memory")
}

/// A PNG of true colour with these sides, chunks before its pixels, and packed pixels.
fn png(side: u32, before: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header = [
        &side.to_be_bytes(),
        &side.to_be_bytes(),
        [8, 2, 0, 0, 0].as_slice(),
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &chunk(b"IHDR", &header),
        before,
        &chunk(b"IDAT", pixels),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

/// Uploads a hostile picture; its task must end, others' must go on, and all of it be bounded.
async fn assert_bounded(target: &Target, name: &str, bytes: Vec<u8>) {
    let person = target.person(name).await;
    let before = target.memory().now;
    println!("{name}: {} bytes to send", bytes.len());
    let hostile = upload(&person.client, "hostile.png", bytes).await;
    let harmless = upload(&person.client, "harmless.png", picture(3))
        .await
        .expect("an upload");
    let ended = in_time(
        "the picture of somebody else",
        task_ended(&person.client, &harmless.task),
    )
    .await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    if let Some(hostile) = hostile {
        task_ended(&person.client, &hostile.task).await;
        let query = "query($id: ID!) { asset(id: $id) { status failure filename } }";
        let asset: Value = person
            .client
            .run(query, json!({ "id": hostile.asset }))
            .await;
        println!("{name}: {}", asset["asset"]);
    }
    let peak = target.memory().peak.saturating_sub(before);
    assert!(peak < GROWTH, "{name} cost {peak} bytes");
    assert!(target.serves().await);
}

async fn dimensions_that_nobody_has(target: Target) {
    assert_bounded(&target, "dora", png(0x7fff_ffff, &[], &zeros(1 << 20))).await;
    assert_bounded(&target, "dana", png(60_000, &[], &zeros(1 << 20))).await;
}

async fn pixels_that_pack_well(target: Target) {
    let side: u32 = 6_000;
    let row = side as usize * 3 + 1;
    assert_bounded(
        &target,
        "delia",
        png(side, &[], &zeros(row * side as usize)),
    )
    .await;
}

async fn a_colour_profile_that_explodes(target: Target) {
    let profile = [b"evil\0\0".as_slice(), &zeros(600 << 20)].concat();
    let pixels = zeros((8 * 3 + 1) * 8);
    assert_bounded(&target, "daria", png(8, &chunk(b"iCCP", &profile), &pixels)).await;
    // The same in many texts.
    let text = [b"a\0\0".as_slice(), &zeros(100 << 20)].concat();
    assert_bounded(
        &target,
        "dilys",
        png(8, &chunk(b"zTXt", &text).repeat(5), &pixels),
    )
    .await;
}

async fn pictures_that_are_damaged(target: Target) {
    let whole = picture(11);
    assert_bounded(&target, "donna", whole[..whole.len() / 2].to_vec()).await;
    let mut turned = whole.clone();
    for byte in turned.iter_mut().skip(60).step_by(7) {
        *byte ^= 0x55;
    }
    assert_bounded(&target, "dulcie", turned).await;
    let gif = [
        b"GIF89a\xff\xff\xff\xff\x80\0\0".as_slice(),
        &[0; 6],
        b",\0\0\0\0\xff\xff\xff\xff\0\x08\x04",
        &[0; 4],
    ]
    .concat();
    assert_bounded(&target, "dinah", gif).await;
}
