#!/usr/bin/env bash
# Builds dist/ anew (docs/adr/0002). Where Node is too old for it, what is committed stays.
set -euo pipefail
cd "$(dirname "$0")"
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    echo "router/graphiql: the bundle stays as committed; building it needs Node 20.19, here is $(node --version)"
    exit 0
fi
[ -d node_modules ] && [ node_modules -nt package-lock.json ] || npm ci --silent
npm test --silent >/dev/null
npm run --silent build -- --logLevel warn
