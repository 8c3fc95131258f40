//! Waiting for what must come.

use std::time::Duration;

/// The longest that a test waits for something that must come.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// From one look to the next.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// Waits until a condition holds.
///
/// # Panics
/// If it does not within [`DEADLINE`].
pub async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait)
        .await
        .expect("the condition holds in time");
}
