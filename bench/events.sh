#!/usr/bin/env bash
# What events cost while others listen to other things: `bench/events.sh [EVENTS]`. It starts
# private servers, or takes those of ATELIER_TEST_*; `PROFILE=dev` saves the long build and shows
# the ratios as well. Compare only figures of one run.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --quiet --profile "${PROFILE:-release}" -p atelier-kit \
    --example bench_events -- "$@"
