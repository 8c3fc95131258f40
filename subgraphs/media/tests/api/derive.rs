//! Pictures made of pictures.

use atelier_kit::{actor::Actor, jobs::TaskFailure};
use atelier_media::{ImageLimits, MediaConfig};
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{World, config, somebody, world, world_with},
};

const ASSET: &str = "query($id: ID!) { asset(id: $id) { status kind failure sha256 placeholder { blurhash dominantColor } \
    metadata { ... on ImageMetadata { width height hasAlpha exif { cameraMake cameraModel takenAt fNumber iso orientation position { latitude longitude } } } } \
    derivatives { name format contentType width height byteSize url { url } } } }";

async fn read(world: &World, who: &Actor, id: &Value) -> Value {
    world.data(who, ASSET, json!({ "id": id })).await["asset"].take()
}

fn sizes(asset: &Value) -> Vec<(String, String, i64, i64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |row: &Value| {
        (
            text(&row["name"]),
            text(&row["format"]),
            row["width"].as_i64().unwrap(),
            row["height"].as_i64().unwrap(),
        )
    };
    asset["derivatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(of)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_gets_upright_thumbnails_and_only_its_owner_learns_where_it_was_taken() {
    let world = world().await;
    let me = somebody(&world);
    let photo = pictures::jpeg(&pictures::halves(1600, 1200), Some(pictures::notes()));
    let completed = world.upload(&me, "photo.jpg", "image/jpeg", &photo).await;
    let id = &completed["asset"]["id"];
    assert_eq!(read(&world, &me, id).await["status"], "PROCESSING");
    let mut ran = world.work().await;
    let ran = ran.pop().unwrap();
    assert_eq!(
        (ran.task.task_type.as_str(), ran.task.id.to_string()),
        (
            "media.derive_images",
            completed["task"]["id"].as_str().unwrap().to_owned()
        )
    );
    assert_eq!(ran.task.owner, me.user_id());
    assert_eq!(
        ran.outcome.unwrap(),
        json!({ "width": 1200, "height": 1600, "derivatives": 6 })
    );
    let asset = read(&world, &me, id).await;
    assert_eq!(
        (&asset["status"], &asset["kind"], &asset["failure"]),
        (&json!("ACTIVE"), &json!("IMAGE"), &json!(null))
    );
    let both = |width, height, name: &str| {
        ["AVIF", "JPEG", "WEBP"].map(|format| (name.to_owned(), format.to_owned(), width, height))
    };
    let expected: Vec<_> = both(192, 256, "thumbnail_256")
        .into_iter()
        .chain(both(768, 1024, "thumbnail_1024"))
        .collect();
    assert_eq!(sizes(&asset), expected);
    let exif = &asset["metadata"]["exif"];
    assert_eq!(
        exif["position"],
        json!({ "latitude": 30.25, "longitude": 120.15 })
    );
    assert_eq!(
        (
            &exif["cameraMake"],
            &exif["iso"],
            &exif["fNumber"],
            &exif["orientation"]
        ),
        (&json!("Atelier"), &json!(400), &json!(2.8), &json!(6))
    );
    assert_eq!(exif["takenAt"], "2026-05-03T19:02:01+00:00");
    // Turned clockwise: what was left is above.
    let small = world.fetch(&asset["derivatives"][1]["url"]["url"]).await.2;
    let upright = image::load_from_memory(&small).unwrap().to_rgb8();
    assert_eq!(upright.dimensions(), (192, 256));
    let (above, below) = (upright.get_pixel(96, 40).0, upright.get_pixel(96, 216).0);
    assert!(
        above[0] > 150 && above[2] < 90 && below[2] > 150 && below[0] < 90,
        "{above:?} {below:?}"
    );
    // Nothing of the camera's notes is in what others may get to see.
    for row in asset["derivatives"].as_array().unwrap() {
        let bytes = world.fetch(&row["url"]["url"]).await.2;
        assert_eq!(bytes.len() as i64, row["byteSize"].as_i64().unwrap());
        assert!(
            !bytes.windows(7).any(|window| window == b"Atelier"),
            "{row}"
        );
    }
    let admin = Actor::user(world.test.deps.new_id(), &["admin:media"]);
    let seen = read(&world, &admin, id).await;
    assert_eq!(
        (
            &seen["metadata"]["exif"]["position"],
            &seen["metadata"]["exif"]["cameraMake"]
        ),
        (&json!(null), &json!("Atelier"))
    );
    let steps = ran.work.steps.lock().unwrap().clone();
    assert!(
        steps.windows(2).all(|pair| pair[0].0 <= pair[1].0),
        "{steps:?}"
    );
    let mut names: Vec<_> = steps.iter().map(|(_, step)| step.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["fetch", "decode", "encode", "store"]);
    assert_eq!(steps.last().unwrap().0, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_read_with_its_notes() {
    let world = world().await;
    let me = somebody(&world);
    let picture = pictures::halves(300, 100);
    for (content_type, bytes) in [
        (
            "image/png",
            pictures::png(&picture, Some(pictures::notes())),
        ),
        (
            "image/webp",
            pictures::webp(&picture, Some(pictures::notes())),
        ),
    ] {
        let completed = world.upload(&me, "a", content_type, &bytes).await;
        let ran = world.work().await;
        assert_eq!(
            ran[0].outcome.as_ref().unwrap(),
            &json!({ "width": 100, "height": 300, "derivatives": 6 }),
            "{content_type}"
        );
        let asset = read(&world, &me, &completed["asset"]["id"]).await;
        assert_eq!(
            asset["metadata"]["exif"]["cameraModel"], "One",
            "{content_type}"
        );
        assert_eq!(
            asset["metadata"]["exif"]["position"]["latitude"], 30.25,
            "{content_type}"
        );
        assert_eq!(asset["placeholder"]["blurhash"].as_str().unwrap().len(), 28);
        let color = asset["placeholder"]["dominantColor"].as_str().unwrap();
        let channel = |at: usize| i32::from_str_radix(&color[at..at + 2], 16).unwrap();
        let near = |wanted: [i32; 3]| (0..3).all(|at| (channel(1 + 2 * at) - wanted[at]).abs() < 4);
        assert!(near([220, 20, 20]) || near([20, 20, 220]), "{color}");
        // The larger thumbnail is never larger than the picture.
        assert_eq!(sizes(&asset)[5].2, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_picture_gets_one_thumbnail_of_its_own_size() {
    let world = world().await;
    let me = somebody(&world);
    let completed = world
        .upload(
            &me,
            "a.png",
            "image/png",
            &pictures::png(&pictures::halves(20, 10), None),
        )
        .await;
    world.work().await;
    let asset = read(&world, &me, &completed["asset"]["id"]).await;
    assert_eq!(
        sizes(&asset),
        ["AVIF", "JPEG", "WEBP"].map(|format| (
            "thumbnail_256".to_owned(),
            format.to_owned(),
            20,
            10
        ))
    );
    assert_eq!(asset["metadata"]["exif"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_picture_fails_clearly_and_stays_a_file() {
    let world = world().await;
    let me = somebody(&world);
    let mut bytes = pictures::png(&pictures::halves(200, 200), None);
    bytes.truncate(bytes.len() / 2);
    let completed = world.upload(&me, "a.png", "image/png", &bytes).await;
    let task = world.tasks().await.pop().unwrap();
    for _ in 0..2 {
        let ran = world.run(task.clone(), false).await;
        let Err(TaskFailure::GiveUp(error)) = ran.outcome else {
            panic!("trying again is of no use")
        };
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
    let query = "query($id: ID!) { asset(id: $id) { status failure sha256 metadata { __typename } derivatives { name } url { url } } }";
    let asset = world
        .data(&me, query, json!({ "id": completed["asset"]["id"] }))
        .await["asset"]
        .take();
    assert_eq!(
        (&asset["status"], &asset["metadata"], &asset["derivatives"]),
        (&json!("ACTIVE"), &json!(null), &json!([]))
    );
    assert!(
        asset["failure"]
            .as_str()
            .unwrap()
            .contains("cannot be read")
    );
    assert_eq!(world.fetch(&asset["url"]["url"]).await.2, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_would_fill_the_memory_is_not_decoded() {
    let limits = ImageLimits {
        max_pixels: 10_000,
        ..config().images
    };
    let world = world_with(MediaConfig {
        images: limits,
        ..config()
    })
    .await;
    let me = somebody(&world);
    // A few hundred bytes that announce far more pixels than are allowed.
    let bytes = pictures::png(&pictures::halves(101, 100), None);
    let completed = world.upload(&me, "bomb.png", "image/png", &bytes).await;
    let ran = world.work().await;
    assert!(
        matches!(&ran[0].outcome, Err(TaskFailure::GiveUp(error)) if error.to_string().contains("too large"))
    );
    assert_eq!(
        read(&world, &me, &completed["asset"]["id"]).await["status"],
        "ACTIVE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doing_the_task_again_changes_nothing_and_stopping_it_leaves_it_to_another() {
    let world = world().await;
    let me = somebody(&world);
    let completed = world
        .upload(
            &me,
            "a.png",
            "image/png",
            &pictures::png(&pictures::halves(64, 64), None),
        )
        .await;
    let task = world.tasks().await.pop().unwrap();
    let stopped = world.run(task.clone(), true).await;
    assert!(matches!(stopped.outcome, Err(TaskFailure::Cancelled)));
    assert_eq!(
        read(&world, &me, &completed["asset"]["id"]).await["status"],
        "PROCESSING"
    );
    world.run(task.clone(), false).await.outcome.unwrap();
    let objects = world.objects().await;
    let again = world.run(task, false).await;
    assert_eq!(again.outcome.unwrap(), json!({ "skipped": true }));
    assert_eq!(world.objects().await, objects);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_purged_before_its_task_leaves_nothing() {
    let world = world().await;
    let me = somebody(&world);
    let completed = world
        .upload(
            &me,
            "a.png",
            "image/png",
            &pictures::png(&pictures::halves(64, 64), None),
        )
        .await;
    let id = &completed["asset"]["id"];
    world
        .mutate(&me, "assetDelete", "", json!({ "id": id }))
        .await;
    world
        .mutate(&me, "assetsPurge", "", json!({ "ids": [id] }))
        .await;
    let ran = world.work().await;
    assert_eq!(
        ran[0].outcome.as_ref().unwrap(),
        &json!({ "skipped": true })
    );
}
