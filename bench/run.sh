#!/usr/bin/env bash
# Figures of the graph, the task engine beside other queues, and events, in release mode. Compare only figures of one run.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p atelier -p atelier-bench --bin atelier --bin atelier-bench
target="${CARGO_TARGET_DIR:-target}/release"
echo "== the graph"
"$target/atelier-bench" "$target/atelier"
echo
echo "== the task engine"
bench/tasks.sh
echo
echo "== events"
bench/events.sh
