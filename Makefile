# Everything a person or CI does with the project; `make help` lists it. `.venv` is made on first use.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/ready
SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
# The system's comes first: it is built with the compiler's profile of Python at work, and one that pyenv built is not, and takes half as long again.
PYTHON ?= $(firstword $(foreach name,/usr/bin/python3 python3 python3.11 python3.12,$(shell $(name) -c '$(SUPPORTED)' 2>/dev/null && echo $(name))))
# What contracts are compared with: the main branch as it was last fetched, else the local one, else the last commit.
BASE ?= $(shell for revision in origin/main main HEAD; do git rev-parse --verify --quiet $$revision >/dev/null && echo $$revision && break; done)

.PHONY: help
help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The lock file names every package with its hash, so pip has nothing to resolve; `pip check` says whether it is complete.
$(READY): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON): a few minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes --no-deps --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check
	@touch $@

.env: | $(READY)
	@$(BIN)/python -m lakehouse_assets.instance.first_use

.PHONY: setup
setup: $(READY) .env ## Makes .venv from the lock file, and .env with values of its own.

.PHONY: run
run: setup ## Loads all closed days that are missing or stale.
	@$(BIN)/lakehouse run

.PHONY: ui
ui: setup ## Starts Dagster's UI and daemon on http://127.0.0.1:3000, until Ctrl-C.
	@$(BIN)/python -m lakehouse_assets.instance.home
	@$(BIN)/dagster dev --workspace workspace.yaml

# A file's tests share lakes, so they stay on one core; files go in their order, in which the long ones come first.
TESTS := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: $(READY) ## Runs all tests but those in a browser or with Java, on two cores.
	@$(BIN)/python -m pytest $(TESTS)

.PHONY: coverage
coverage: $(READY) ## Runs the same tests, but for tests/acceptance, and lists the lines that none of them ran.
	@$(BIN)/python -m pytest $(TESTS) --ignore tests/acceptance --cov --cov-report term

# Each file has a Dagster of its own, and waits for its daemon most of the time.
WAITING := --numprocesses 3 --dist loadfile

.PHONY: test-ui
test-ui: $(READY) ## Runs the tests of Dagster's UI in a browser, which need chromium.
	@$(BIN)/python -m pytest tests/ui $(WAITING)

.PHONY: test-jvm
test-jvm: $(READY) ## Runs the tests of Spark on this machine, which need Java 17: both engines make the same tables.
	@$(BIN)/python -m pytest tests/jvm

.PHONY: parity
parity: $(READY) ## Loads 30 days on both engines and compares every table; PARITY="--days 2 --scale 0.05" for less.
	@$(BIN)/python -m tests.parity $(PARITY)

.PHONY: screenshots
screenshots: $(READY) ## Takes the documents' screenshots of Dagster's UI anew.
	@$(BIN)/python -m pytest tests/ui --screenshots docs/images

.PHONY: smoke
smoke: $(READY) ## Does what a pipeline does, with Dagster's own command, in a folder that is then removed: docs/operating.md has it.
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; bin=$$PWD/$(BIN); cd "$$folder"; \
	export DAGSTER_HOME="$$folder/home" LAKEHOUSE_ROOT="$$folder/lake" LAKEHOUSE_START_DATE=2026-10-01 LAKEHOUSE_NOW=2026-10-02T06:00:00Z; \
	"$$bin/python" -m lakehouse_assets.instance.home; \
	"$$bin/dagster" definitions validate --module-name lakehouse_assets.definitions; \
	"$$bin/dagster" asset materialize --module-name lakehouse_assets.definitions --select '*' --partition 2026-10-01; \
	"$$bin/dagster" job execute --module-name lakehouse_assets.definitions --job whole_tables; \
	"$$bin/lakehouse" status --strict

.PHONY: bench
bench: $(READY) ## Measures speed beside DuckDB, and a day after a year; rewrites docs/performance.md. BENCH="--scales 1" for less.
	@$(BIN)/python -m tests.bench $(or $(BENCH),--page docs/performance.md)

.PHONY: check
check: format-check lint types layers contracts ## Checks format, lint, types, layers and contracts.

.PHONY: format
format: $(READY) ## Formats the code, and mends what lint can mend.
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: format-check
format-check: $(READY)
	@$(BIN)/ruff format --check .

.PHONY: lint
lint: $(READY)
	@$(BIN)/ruff check .

.PHONY: types
types: $(READY)
	@$(BIN)/mypy

.PHONY: layers
layers: $(READY)
	@$(BIN)/lint-imports

.PHONY: dictionary
dictionary: $(READY) ## Writes docs/dictionary.md, all tables and columns, from the contracts.
	@$(BIN)/python -m contracts.dictionary > docs/dictionary.md

.PHONY: contracts
contracts: $(READY) ## Validates the contracts, and fails on a change that breaks who relies on the main branch's.
	@$(BIN)/lakehouse contracts $(if $(BASE),--against $(BASE))
