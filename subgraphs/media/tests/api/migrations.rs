//! Migrations keep what is there.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};

use crate::{
    pictures,
    world::{World, noise, somebody, world},
};

const UP: &str = include_str!("../../../../migrations/media/20261128000100_upper_case/up.sql");
const DOWN: &str = include_str!("../../../../migrations/media/20261128000100_upper_case/down.sql");

async fn migrate(world: &World, statements: &str) {
    let mut connection = world.test.deps.read().await.unwrap();
    let migration = format!("BEGIN; SET LOCAL search_path TO media; {statements}; COMMIT;");
    connection.batch_execute(&migration).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_sets_come_to_upper_case_and_back_with_all_rows() {
    let world = world().await;
    let me = somebody(&world);
    let picture = pictures::png(&pictures::halves(20, 20), None);
    world.upload(&me, "a.png", "image/png", &picture).await;
    world.work().await;
    world
        .upload(&me, "b", "application/octet-stream", &noise(1, 100))
        .await;
    let input = json!({ "filename": "c", "contentType": "text/plain", "byteSize": 5 });
    let open = world.create(&me, input).await;
    world
        .mutate(&me, "uploadAbort", "", json!({ "uploadId": open["id"] }))
        .await;
    let query = "{ viewer { assets { nodes { id kind status derivatives { name format } } } uploads { nodes { id status strategy } } storage { bytes } } }";
    let before: Value = world.data(&me, query, json!({})).await;
    let unprocessed = "media.blob WHERE state = 'PROCESSING'";
    assert_eq!(world.database().rows(unprocessed).await, 1);

    migrate(&world, DOWN).await;
    for (rows, from) in [
        (2, "blob WHERE kind = lower(kind) AND state = lower(state)"),
        (3, "derivative WHERE format = lower(format)"),
        (
            3,
            "upload WHERE strategy = 'single_put' AND status = lower(status) AND quota_state = lower(quota_state)",
        ),
        (2, "doomed_object"),
    ] {
        assert_eq!(
            world.database().rows(&format!("media.{from}")).await,
            rows,
            "{from}"
        );
    }
    migrate(&world, UP).await;
    assert_eq!(world.data(&me, query, json!({})).await, before);
}
