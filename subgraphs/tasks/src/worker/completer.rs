//! Noting the ends of tasks, as many at a time as there are.

use std::time::Duration;

use atelier_kit::error::{Error, ErrorCode};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Held;
use crate::engine::{Engine, Outcome};

/// Ends noted in one transaction at most.
const BATCH: usize = 500;
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Notes ends until nobody can hand in any more. While the database does not answer, they wait;
/// workers wait for them, so no more than a worker's slots do.
pub(super) async fn complete(
    engine: Engine,
    held: Held,
    mut ended: mpsc::Receiver<(Uuid, Outcome)>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while ended.recv_many(&mut batch, BATCH).await > 0 {
        note(&engine, &batch).await;
        let mut held = held.lock();
        for (lease, _) in batch.drain(..) {
            held.remove(&lease);
        }
    }
}

async fn note(engine: &Engine, batch: &[(Uuid, Outcome)]) {
    let mut pause = PAUSE;
    loop {
        match engine.finish(batch.to_vec()).await {
            Ok(noted) => {
                if noted.len() < batch.len() {
                    tracing::warn!(target: "tasks", count = batch.len() - noted.len(), "ends came after their leases were lost and were not noted");
                }
                return;
            }
            Err(error)
                if error.code() != ErrorCode::Unavailable && batch.len() > 1 && refused(&error) =>
            {
                // One of them is at fault: the others must not suffer.
                for end in batch {
                    Box::pin(note(engine, std::slice::from_ref(end))).await;
                }
                return;
            }
            Err(error) if refused(&error) => {
                tracing::error!(target: "tasks", cause = error.cause_chain(), "the database does not take a task's end");
                let failed = |(lease, _): &(Uuid, Outcome)| {
                    let message = "The result cannot be stored.".to_owned();
                    (
                        *lease,
                        Outcome::Failed {
                            retry: false,
                            code: "RESULT_INVALID".to_owned(),
                            message,
                        },
                    )
                };
                if engine
                    .finish(batch.iter().map(failed).collect())
                    .await
                    .is_ok()
                {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(target: "tasks", cause = error.cause_chain(), "the ends of tasks wait to be noted")
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Whether the database refused the values (a NUL in a text, say), so that trying again is no use.
fn refused(error: &Error) -> bool {
    error.code() == ErrorCode::BadUserInput
        || error.cause_chain().is_some_and(|chain| {
            chain.contains("unsupported Unicode")
                || chain.contains("invalid byte sequence")
                || chain.contains("invalid input syntax")
        })
}
