#!/usr/bin/env bash
# Writes the typed client anew from schema/api.graphql, and compiles it.
set -euo pipefail
cd "$(dirname "$0")"
[ -d node_modules ] && [ node_modules -nt package-lock.json ] || npm ci --silent
npm run --silent generate
npm run --silent check
