#!/usr/bin/env bash
# Dependencies between our crates run one way: objects <- kit <- subgraphs <- atelier, objects <- router <- atelier.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo metadata --format-version 1 --no-deps --offline | python3 -c '
import json, sys

packages = json.load(sys.stdin)["packages"]
ours = {p["name"] for p in packages}
subgraphs = {p["name"] for p in packages if "/subgraphs/" in p["manifest_path"]}
allowed = {
    "atelier-local": set(),
    "atelier-objects": set(),
    "atelier-macros": set(),
    "atelier-kit": {"atelier-macros", "atelier-objects"},
    "atelier-contracts": {"atelier-kit", "atelier-objects"},
    "atelier-storage": set(),
    "atelier-telemetry": {"atelier-kit"},
    "atelier-testing": {"atelier-kit", "atelier-local", "atelier-objects"},
    "atelier-composition": set(),
    "atelier-router": {"atelier-composition", "atelier-objects"},
    "atelier-codegen": {"atelier-composition"},
    "atelier-bench": {"atelier-local"},
    "atelier-router-bench": {"atelier-composition", "atelier-objects", "atelier-router"},
    "atelier": ours,
}
allowed.update({name: {"atelier-contracts", "atelier-kit", "atelier-objects", "atelier-storage"} for name in subgraphs})
# Tests may use what starts servers; nothing that is shipped may, but the binary.
for_tests = {"atelier-local", "atelier-testing"}
tested = subgraphs | {"atelier-kit", "atelier-storage", "atelier-telemetry"}
wrong = []
for package in packages:
    name = package["name"]
    for dependency in package["dependencies"]:
        target = dependency["name"]
        may = set(allowed.get(name, set()))
        if dependency["kind"] == "dev" and name in tested:
            may |= for_tests
        if target in ours and target != name and target not in may:
            wrong.append(f"{name} depends on {target}")
for line in wrong:
    print(line + ": dependencies run kit <- subgraphs <- atelier and router <- atelier", file=sys.stderr)
sys.exit(bool(wrong))
'
