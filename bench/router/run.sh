#!/usr/bin/env bash
# Our router beside hive-router and the floor program: CPU, memory, latency.
# HIVE_ROUTER=path names hive-router; without it that column is left out.
# SECONDS_PER_ROUND (5) and ROUNDS (5) set how long it takes.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release -p atelier-router-bench
bench="${CARGO_TARGET_DIR:-target}/release/router-bench"
rounds=(--seconds "${SECONDS_PER_ROUND:-5}" --rounds "${ROUNDS:-5}")

"$bench" compare "${rounds[@]}" --open-share 0.6
"$bench" compare "${rounds[@]}" --dedup subgraph,both
"$bench" cold
"$bench" parts "${rounds[@]}"
