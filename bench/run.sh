#!/usr/bin/env bash
# Figures of the graph and the task engine, in release mode. Compare only figures of one run.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p atelier -p atelier-bench -p atelier-tasks \
    --bin atelier --bin atelier-bench --example bench_tasks
target="${CARGO_TARGET_DIR:-target}/release"
echo "== the graph"
"$target/atelier-bench" "$target/atelier"
echo
echo "== the task engine"
"$target/examples/bench_tasks"
echo
echo "== events"
bench/events.sh
