# `make test` is all a newcomer needs; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help test fmt lint doc deny bench demo generate ci

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

test: ## get what the tests need, run them all, count the skipped ones
	@.ci/test

fmt: ## format the source
	cargo fmt --all

lint: ## clippy, warnings are errors
	cargo clippy --all-targets --locked -- -D warnings

doc: ## build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

deny: ## licences, banned crates, sources
	.ci/deny check licenses bans sources

bench: ## what measuring costs, against a bare reader
	cargo bench --locked

demo: ## two simulated targets, the daemon and its page
	cargo run --release --locked -- demo

# Written beside and moved, so that a build that fails leaves the old file.
generate: ## rewrite the generated files that the tests compare
	@mkdir -p target
	cargo run --locked --quiet -- schema > target/generated && mv target/generated config/schema.json
	cargo run --locked --quiet -- schema --run-record > target/generated && mv target/generated docs/run-record.schema.json
	cargo run --locked --quiet -- metrics > target/generated && mv target/generated docs/metrics.md
	cargo run --locked --quiet -- dashboards --output.dir dashboards
	cargo run --locked --quiet -- rules --static > target/generated && mv target/generated alerts/tokenbeat.rules.yml
	cargo run --locked --quiet -- rules --static --format prometheus-operator > target/generated && mv target/generated alerts/tokenbeat.prometheusrule.yml
	INSTA_UPDATE=always cargo test --locked

ci: ## everything that must hold before a merge
	.ci/run
