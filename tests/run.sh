#!/usr/bin/env bash
# The test suite: formatting, lints, dependency directions, Rust tests, real clients, generated files.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s\n' "$*"; }
target="${CARGO_TARGET_DIR:-target}"

step "formatting and dependency directions"
cargo fmt --all --check
deploy/check-dependencies.sh
deploy/check-layers.sh

step "build"
cargo build --workspace --all-targets --all-features

step "lints"
cargo clippy --workspace --all-targets --all-features -- -D warnings

step "packages of the client tests"
for folder in tests/clients router/tests/clients codegen/typescript; do
    npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
done

step "Rust tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --all-features
    cargo test --workspace --all-features --doc
else
    cargo test --workspace --all-features --no-fail-fast
fi

step "the router by npm clients, and the audit of GraphQL over HTTP"
SHOP="$(cd "$target" && pwd)/debug/examples/shop" npm test --prefix router/tests/clients

step "the benchmark of task queues runs"
PROFILE=dev bench/tasks.sh 100

step "the TypeScript client"
npm test --prefix codegen/typescript

step "generated files are as committed"
"$target/debug/atelier" schema tables --check
"$target/debug/atelier" schema generate
codegen/typescript/generate.sh
router/graphiql/generate.sh
if ! git diff --exit-code --stat -- schema docs/ERRORS.md codegen/typescript router/graphiql; then
    echo "Generated files differ from the code: run 'make generate' and commit." >&2
    exit 1
fi
