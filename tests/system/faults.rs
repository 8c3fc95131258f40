//! Power cuts: what was acknowledged is never lost, and nothing is done twice.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    harness::{Atelier, eventually},
    uploads::{Uploaded, picture, task_ended, upload},
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
