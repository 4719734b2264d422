# Everything that people and CI do here. `make help` lists it; `make gate` and `make test` need no preparation.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo-installed
DEV := $(VENV)/.dev-installed
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
LOCKED := pyproject.toml requirements/build.in
GATE ?=
PYTEST ?=
DRILLS ?= --members 30

# Python is started hundreds of times here: each start would compile gonogo again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help gate test lint format selftest selftest-personal selftest-stacks selftest-drills bench docs schemas lock chroma wheel wheel-test bare-test clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

gate: $(DEMO) ## The main job: the full gate on the reference stack, embedded runtime, HTML report at the end
	$(BIN)/gonogo gate --runtime embedded $(GATE)

test: $(DEV) ## All tests, two files at a time: they wait more than they compute (PYTEST="-k name" for some)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(DEV) ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

selftest: $(DEMO) ## Every verification on the healthy stack (green) and on each of its seeded defects (red)
	$(BIN)/gonogo selftest --runtime embedded --strict

selftest-personal: $(DEMO) chroma ## The same for what is asked of a vector store beside the database
	$(BIN)/gonogo selftest --stack personal --runtime embedded --only 'checks/vector_index/store_*' --only checks/vector_index/stores_agree --only checks/observability/readiness_names_the_vector_store

selftest-stacks: $(DEMO) chroma ## What only the stacks replicated, personal (its drills) and memory have, on each of its seeded defects (minutes; not in CI)
	$(BIN)/gonogo selftest --runtime embedded --stack replicated --only checks/replication/status_endpoint_tells_the_truth
	$(BIN)/gonogo selftest --runtime embedded --stack personal --only 'restore_drills/redis_*' --only restore_drills/chroma_directory --only restore_drills/whole_stack
	$(BIN)/gonogo selftest --runtime embedded --stack memory --only checks/api/archived_is_not_found --only checks/api/retention_keeps_its_times

selftest-drills: $(DEMO) ## Broken backups, a sample: each is caught by verify-backup (DRILLS="" for all of them, or --seed N)
	$(BIN)/gonogo selftest --drills $(DRILLS)

bench: $(DEV) ## Benchmarks: ratios measured side by side (minutes; quiet machine please)
	$(BIN)/python -m benchmarks

docs: $(DEV) ## The generated pages of docs/ (catalogue of verifications, capabilities)
	$(BIN)/python scripts/generate-docs

schemas: $(DEV) ## JSON schemas for editors (config/schema) and of run.json (reports/schema)
	$(BIN)/gonogo schema --write config/schema
	$(BIN)/gonogo schema run > reports/schema/run.schema.json

lock: $(DEV) ## Resolve the dependencies again into requirements/*.txt (hashes, no addresses)
	$(BIN)/python -m uv pip compile $(LOCK) $(LOCKED) --extra demo -o requirements/demo.txt
	$(BIN)/python -m uv pip compile $(LOCK) $(LOCKED) --extra dev -o requirements/dev.txt

chroma: ## ChromaDB's server for the embedded runtime, below the user's cache (config/stacks/personal.yaml runs it)
	scripts/set-up-chroma

wheel: $(DEV) ## Build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

wheel-test: wheel ## Install the wheel in an empty environment, out of reach of the source, and run the demo
	scripts/wheel-test

bare-test: ## The two commands on a bare Debian as an ordinary user (needs root and apt)
	scripts/bare-machine

clean: ## Remove environments, builds and caches (run directories stay)
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache htmlcov .coverage

$(DEMO): requirements/demo.txt pyproject.toml scripts/set-up
	@if [ -e $(DEV) ]; then scripts/set-up dev $(VENV); else scripts/set-up demo $(VENV); fi
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml scripts/set-up
	@scripts/set-up dev $(VENV)
	@touch $@ $(DEMO)
