# One command a verb, the same for a person and for CI. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVERS := prometheus promtool prometheus-alertmanager amtool prometheus-node-exporter curl openssl ip
MISSING = $(strip $(foreach program,$(SERVERS),$(if $(shell command -v $(program)),,$(program))))
# Debian keeps Postgres' server off the PATH.
POSTGRES = $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))

.DEFAULT_GOAL := help
.PHONY: help setup servers demo test check lint types bench bench-docs bench-peers soak kill fuzz generate golden e2e clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) servers ## virtual environment, pinned dependencies, Prometheus, Alertmanager, Postgres

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || ./deploy/debian/install python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned dependencies into $(VENV) (about 700 MB, a few minutes the first time)"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m tests.oracle.datasets
	@touch $@
	@echo "installed: $(BIN)/ml-exporter; try make demo or make test"

servers:
	@test -z "$(MISSING)" || ./deploy/debian/install prometheus prometheus-alertmanager prometheus-node-exporter curl openssl iproute2
	@test -n "$(POSTGRES)" || ./deploy/debian/install postgresql

demo: setup ## the main job on real flights: exporter, Prometheus, Alertmanager, pages (DEMO_SECONDS=n ends it)
	@$(BIN)/python -m demo run $(DEMO_ARGS)

test: setup ## all tests
	@$(BIN)/python -m pytest -n auto --dist loadgroup -q $(TEST_ARGS)

check: setup lint types ## lint, types, generated files and all tests but e2e
	@$(BIN)/python -m pytest -n auto --dist loadgroup -q -m "not e2e"

lint: setup ## ruff and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: setup ## mypy, strict
	@$(BIN)/mypy

bench: setup ## benchmarks; results in bench/results.json
	@$(BIN)/python -m bench $(BENCH_ARGS)

bench-docs: setup ## docs/benchmarks.md from the results of make bench
	@$(BIN)/python -m bench --write-docs

bench-peers: setup ## installs Evidently, NannyML and whylogs apart from ours (2.7 GB), for make bench to compare with
	@$(BIN)/python -m bench.peers --install

soak: setup ## half an hour at speed with reloads, outages and incidents: memory must stay flat (SOAK_ARGS="--minutes 3")
	@$(BIN)/python -m bench.soak $(SOAK_ARGS)

kill: setup ## kill the exporter while its logs are written, KILLS times in each of the tests (KILLS=50)
	@KILLS=$(or $(KILLS),50) $(BIN)/python -m pytest -n auto --dist loadgroup -q -rP tests/e2e/test_kill.py

fuzz: setup ## the readers under a fuzzer (FUZZ_SECONDS=n)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),600)

generate: setup ## write all generated files anew: docs, dashboards, rules, alerts
	@$(BIN)/python -m exporter.config.document --write
	@$(BIN)/python -m exporter.document --write
	@$(BIN)/python -m bundle --write
	@$(BIN)/python -m bundle.document --write
	@$(BIN)/python deploy/kubernetes/rules.py
	@$(BIN)/python -m grafana.source --write

golden: setup ## write the golden files of the tests anew; look at the diff
	@$(BIN)/python -m pytest -q tests/golden --golden-update

e2e: setup ## the whole chain with real servers
	@$(BIN)/python -m pytest -q -m e2e

clean: ## remove what was installed and cached
	rm -rf $(VENV) .cache build dist
