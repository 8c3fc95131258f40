#!/usr/bin/env bash
# What dependencies may be: licences, sources, banned crates, known faults (deny.toml). The lockfiles
# say what they are; the last check fetches the RustSec advisories, and is left out with --offline.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not installed, so nothing was checked: cargo install --locked cargo-deny" >&2
    exit 0
fi
checks="licenses bans sources"
if [ "${1-}" != --offline ]; then checks="$checks advisories"; fi
for manifest in Cargo.toml bench/compose/Cargo.toml router/composition/fuzz/Cargo.toml; do
    echo "$manifest"
    # shellcheck disable=SC2086 # a list of words
    cargo deny --manifest-path "$manifest" --config deny.toml check $checks
done
