#!/usr/bin/env bash
# Composes 10, 100 and 300 generated subgraphs (200 types each) with this
# project's composer and with the JavaScript one, in one run, and prints both.
#
#   bench/compose/run.sh [TYPES_PER_SUBGRAPH]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
types=${1:-200}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml"
bench="$CARGO_TARGET_DIR/release/compose-bench"
if [ ! -d "$here/node_modules" ]; then
  (cd "$here" && npm install --silent --no-audit --no-fund --no-package-lock)
fi

printf '%10s %12s %12s %16s %8s\n' subgraphs MB "rust ms" "javascript ms" times
for subgraphs in 10 100 300; do
  folder="$work/$subgraphs"
  "$bench" generate "$subgraphs" "$types" "$folder"
  size=$(awk "BEGIN { printf \"%.1f\", $(cat "$folder"/* | wc -c) / 1e6 }")
  rounds=$((subgraphs > 100 ? 3 : 7))
  ours=$("$bench" run "$folder" "$rounds")
  theirs=$(node --max-old-space-size=8192 "$here/javascript.mjs" "$folder" $((rounds > 3 ? 3 : 1)))
  times=$(awk "BEGIN { printf \"%.1f\", $theirs / $ours }")
  printf '%10s %12s %12s %16s %8s\n' "$subgraphs" "$size" "$ours" "$theirs" "$times"
done
