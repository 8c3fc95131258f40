#!/usr/bin/env bash
# Dependencies between our crates run one way: objects <- kit <- subgraphs <- atelier, objects <- router <- atelier.
# And none stands in a manifest that nothing in the crate uses.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo metadata --format-version 1 --no-deps --offline | python3 -c '
import json, pathlib, re, sys

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
for_tests = {"atelier-lighting", "atelier-local", "atelier-testing"}
tested = subgraphs | {"atelier-kit", "atelier-codegen", "atelier-storage", "atelier-telemetry"}
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

# What the code that macros of the kit write uses.
macros = {
    "facts": ["serde", "serde_json"],
    "text_enum": ["async_graphql", "diesel", "serde"],
    "user_errors": ["async_graphql", "serde_json"],
    "payload": ["async_graphql"],
    "events": ["async_graphql", "chrono"],
    "viewer": ["async_graphql"],
}
# Libraries that are called otherwise than their packages.
called = {"kamadak-exif": "exif"}
inner = {pathlib.Path(p["manifest_path"]).parent for p in packages}


def sources(folder, root):
    """All Rust of a folder, without the crates that lie in it."""
    for path in folder.iterdir() if folder.is_dir() else []:
        if path.is_dir() and path not in inner and (folder != root or path.name in ("src", "tests", "examples", "benches")):
            yield from sources(path, root)
        elif path.suffix == ".rs":
            yield path.read_text()


unused = []
for package in packages:
    root = pathlib.Path(package["manifest_path"]).parent
    shipped = "".join(sources(root / "src", root))
    everything = "".join(sources(root, root))
    for dependency in package["dependencies"]:
        name = dependency["rename"] or called.get(dependency["name"], dependency["name"])
        name = name.replace("-", "_")
        code = everything if dependency["kind"] == "dev" else shipped
        by_macro = any(name in used and re.search(rf"\b{macro}! *{{", code) for macro, used in macros.items())
        if not by_macro and not re.search(rf"\b{name}(::|!)|\buse {name}\b", code):
            unused.append(package["name"] + " does not use " + dependency["name"])
for line in unused:
    print(line + ": take it out of the manifest, or to the dev-dependencies", file=sys.stderr)
sys.exit(bool(wrong or unused))
'
