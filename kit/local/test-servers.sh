#!/bin/sh
# The setup script of cargo nextest: runs atelier-test-servers, building it where a run of some
# other package alone has not. exec keeps nextest the parent, which is what the servers watch.
set -eu
program="${CARGO_TARGET_DIR:-target}/debug/atelier-test-servers"
if [ -x "$program" ]; then exec "$program"; fi
exec cargo run --quiet --package atelier-local --bin atelier-test-servers
