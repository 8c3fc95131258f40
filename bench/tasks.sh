#!/usr/bin/env bash
# The task engine beside graphile-worker and pg-boss on one durable PostgreSQL, in one run:
# `bench/tasks.sh [TASKS]`. Compare only figures of one run. It starts private servers; `PROFILE=dev`
# saves the long build and shows that it works, no more. `ONLY_OURS=1` leaves the others out,
# `STATEMENTS=1` lists the statements that PostgreSQL spent the most time on.
set -euo pipefail
cd "$(dirname "$0")/.."
npm ci --prefix bench/tasks --no-audit --no-fund --loglevel=error
exec cargo run --quiet --profile "${PROFILE:-release}" -p atelier-tasks --example bench_tasks -- \
    bench/tasks "$@"
