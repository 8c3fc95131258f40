//! The others, each in a process of its own.

use std::process::Stdio;

use atelier_testing::TestDatabase;
use tokio::process::Command;

use crate::{server::Server, table::Rates};

/// Name, script, and what it is told besides the number of tasks.
pub const OTHERS: [(&str, &str, &[&str]); 3] = [
    ("graphile-worker, local queue", "graphile.mjs", &["local"]),
    ("graphile-worker", "graphile.mjs", &[]),
    ("pg-boss, batches of 200", "pgboss.mjs", &[]),
];

/// Runs a script on a database of its own; its last line is its rates.
pub async fn measure(
    server: &Server,
    scripts: &str,
    script: &str,
    tasks: usize,
    arguments: &[&str],
) -> Rates {
    let database = TestDatabase::empty(&server.servers()).await;
    let output = Command::new("node")
        .current_dir(scripts)
        .arg(script)
        .arg(tasks.to_string())
        .args(arguments)
        .env("BENCH_DATABASE_URL", database.url())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node runs");
    assert!(
        output.status.success(),
        "{script} failed: {}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).expect("the last line is the rates")
}
