//! The beginning of the end: signals, and how long things may take to finish.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use atelier_kit::supervise::Supervisor;

use crate::say::complain;

/// How long background work may take to finish.
const GRACE: Duration = Duration::from_secs(20);

/// A token that is cancelled by the first SIGINT or SIGTERM; the second ends the process at once.
///
/// # Errors
/// If signals cannot be listened to.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let stopping = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !first {
                std::process::exit(130);
            }
            stopping.cancel();
            complain("Finishing what is under way. Press Ctrl-C again to stop at once.");
        }
    });
    Ok(stop)
}

/// Notifies `reload` at each SIGHUP, until `stop`.
///
/// # Errors
/// If the signal cannot be listened to.
pub fn on_hangup(reload: Arc<Notify>, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        while let Some(Some(())) = stop.run_until_cancelled(hangup.recv()).await {
            reload.notify_one();
        }
    });
    Ok(())
}

/// Waits for background work that has been told to stop, and for the operators' listener.
pub async fn finish(supervisor: &Supervisor, operators: Option<JoinHandle<()>>) {
    ended(async {
        supervisor.finished().await;
        if let Some(operators) = operators {
            let _ = operators.await;
        }
    })
    .await;
}

/// Waits for something that has been told to stop.
pub async fn ended<T>(stopping: impl Future<Output = T>) {
    if tokio::time::timeout(GRACE, stopping).await.is_err() {
        tracing::warn!(target: "atelier", "some background work did not finish in time");
    }
}
