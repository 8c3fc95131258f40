#!/bin/sh
# The setup script of cargo nextest: runs atelier-test-servers, building it where a run of some
# other package alone has not.
set -eu
program="${CARGO_TARGET_DIR:-target}/debug/atelier-test-servers"
[ -x "$program" ] || cargo build --quiet --package atelier-local --bin atelier-test-servers
# exec keeps nextest the parent, which is what the servers watch.
exec "$program"
