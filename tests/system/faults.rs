//! Power cuts: what was acknowledged is never lost, and nothing is done twice.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    harness::{Atelier, Place, Process, eventually},
    journey::parts,
    uploads::{Uploaded, picture, picture_of, task_ended, upload},
};

/// Uploads that are attempted.
const UPLOADS: u32 = 200;
/// Acknowledgements after which the power is cut.
const CUT_AFTER: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_during_uploads_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut atelier = Atelier::up_privately(dir.path()).await;
    let ada = atelier.client.registered("ada").await;
    let acknowledged: Arc<Mutex<Vec<Uploaded>>> = Arc::default();
    let next = Arc::new(AtomicU32::new(0));
    let uploaders: Vec<_> = (0..8)
        .map(|_| {
            let (ada, acknowledged, next) =
                (ada.clone(), Arc::clone(&acknowledged), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= UPLOADS {
                        return;
                    }
                    match upload(&ada, &format!("{seed}.png"), picture(seed)).await {
                        Some(done) => acknowledged.lock().unwrap().push(done),
                        None => return,
                    }
                }
            })
        })
        .collect();
    let enough =
        || async { (acknowledged.lock().unwrap().len() >= CUT_AFTER as usize).then_some(()) };
    eventually("enough acknowledgements", enough).await;
    atelier.process.kill().await;
    for uploader in uploaders {
        uploader.await.unwrap();
    }

    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= CUT_AFTER as usize);
    let mut again = Atelier::up_privately(dir.path()).await;
    let ada = again.client.signed_in("ada", "correct horse battery").await;
    for uploaded in &acknowledged {
        let task = task_ended(&ada, &uploaded.task).await;
        assert_eq!(task["status"], "SUCCEEDED", "{task}");
        let asset = ada.run("query($id: ID!) { asset(id: $id) { status byteSize derivatives { contentType } } }", json!({ "id": uploaded.asset })).await;
        assert_eq!(asset["asset"]["status"], "ACTIVE", "{asset}");
        assert!(
            !asset["asset"]["derivatives"].as_array().unwrap().is_empty(),
            "{asset}"
        );
    }
    again.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_worker_is_killed_is_finished_once_by_another() {
    let place = Place::new().await;
    let parts = parts(&place).await;
    let ada = parts.client.registered("ada").await;
    let uploaded = upload(&ada, "large.png", picture_of(1, 700)).await.unwrap();
    let state = async || {
        let query = "query($id: ID!) { task(id: $id) { status attempt } }";
        ada.run(query, json!({ "id": uploaded.task })).await["task"].clone()
    };

    let start = || {
        Process::start(
            &["worker", "--lease", "3"],
            place.dir.path(),
            &parts.variables,
        )
    };
    let mut first = start();
    let running = async || (state().await["status"] == "RUNNING").then_some(());
    eventually("the start of the task", running).await;
    first.kill().await;

    let mut second = start();
    let task = task_ended(&ada, &uploaded.task).await;
    assert_eq!(
        (&task["status"], &task["attempt"]),
        (&json!("SUCCEEDED"), &json!(2)),
        "{task}"
    );
    let query = "query($id: ID!) { asset(id: $id) { status derivatives { width contentType } } }";
    let asset = ada.run(query, json!({ "id": uploaded.asset })).await["asset"].clone();
    assert_eq!(asset["status"], "ACTIVE", "{asset}");
    let mut made: Vec<String> = asset["derivatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let all = made.len();
    made.sort_unstable();
    made.dedup();
    assert!(
        all > 0 && made.len() == all,
        "each derivative once: {asset}"
    );
    assert!(second.stop().await.success());
}
