# Atelier's commands. `make run` and `make test` install what is missing by themselves.
.PHONY: run test lint deny generate deps deps-test bench bench-compose ci
SHELL := /bin/bash
ARGS ?=

# Start everything: private PostgreSQL and Redis, an S3 store, all subgraphs, the router, a worker.
run: deps
	cargo run --bin atelier -- up $(ARGS)

# All tests: Rust, real servers, real clients.
test: deps-test
	tests/run.sh

# Formatting, lints, dependency directions.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	deploy/check-dependencies.sh
	deploy/check-layers.sh

# Licences, sources and known faults of dependencies, by cargo-deny where it is installed.
deny:
	deploy/check-licences.sh

# Write the tables for diesel, schema/, docs/ERRORS.md, the TypeScript client and the GraphiQL bundle
# anew from the code and the migrations.
generate:
	cargo run --quiet --bin atelier -- schema tables
	cargo run --quiet --bin atelier -- schema generate $(ARGS)
	codegen/typescript/generate.sh
	router/graphiql/generate.sh

deps:
	@deploy/deps.sh

deps-test:
	@deploy/deps.sh --test

# Figures: the router, the task engine, start-up. Builds in release mode.
bench:
	bench/run.sh

# The composer beside the JavaScript one.
bench-compose:
	bench/compose/run.sh

ci: lint test
