//! Traces from the router down to SQL and to the background task that a request caused.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, routing::post};

use crate::{
    harness::{Atelier, Place, eventually},
    uploads::{picture, task_ended, upload},
};

/// Spans that must arrive.
const WANTED: [&str; 4] = ["router.request", "router.fetch", "sql", "task"];

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_traced_from_the_router_to_its_task() {
    let seen: Arc<Mutex<BTreeSet<&str>>> = Arc::default();
    let noting = Arc::clone(&seen);
    let note = move |body: Bytes| {
        let mut seen = noting.lock().unwrap();
        for name in WANTED {
            // A span's name is field 5 of its protobuf message: tag, length, bytes.
            let mut field = vec![0x2a, u8::try_from(name.len()).unwrap()];
            field.extend_from_slice(name.as_bytes());
            if body.windows(field.len()).any(|part| part == field) {
                seen.insert(name);
            }
        }
        std::future::ready(())
    };
    let collector = Router::new().route("/v1/traces", post(note));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let mut place = Place::new().await;
    place
        .variables
        .push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint));
    let mut atelier = Atelier::up(&place).await;
    let ada = atelier.client.registered("ada").await;
    let uploaded = upload(&ada, "traced.png", picture(1)).await.unwrap();
    task_ended(&ada, &uploaded.task).await;
    let all = async || (seen.lock().unwrap().len() == WANTED.len()).then_some(());
    eventually("the arrival of all spans", all).await;
    assert!(atelier.process.stop().await.success());
}
