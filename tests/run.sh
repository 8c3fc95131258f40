#!/usr/bin/env bash
# The test suite: formatting, lints, dependency directions, Rust tests, generated files, clients.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s\n' "$*"; }

step "formatting and dependency directions"
cargo fmt --all --check
deploy/check-dependencies.sh

step "build"
cargo build --workspace --all-targets --all-features

step "lints"
cargo clippy --workspace --all-targets --all-features -- -D warnings

step "Rust tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --all-features
else
    cargo test --workspace --all-features
fi
cargo test --workspace --all-features --doc
