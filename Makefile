# A fresh machine needs python3.11, pip, git and make; everything else comes hashed into $(VENV).
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-full peers lock generate clean

help:  ## Say what there is.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(READY)  ## Build the TuranMart world, publish it, show a refusal and its repair.
	$(BIN)/sluice demo

test: $(READY)  ## Run every test (under ten minutes on two cores).
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(READY)  ## Format, lint, types, import rules, unit and house tests (under two minutes).
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/unit tests/contract

bench: $(READY) peers  ## Measure, beside peers (under ten minutes on two idle cores).
	$(BIN)/python -m bench --minutes 8

bench-full: $(READY) peers  ## Measure the large sizes, for docs/performance.md (an hour or more).
	$(BIN)/python -m bench --full
	$(BIN)/python -m bench.plots

peers: $(PEERS)/.ready  ## Install what Sluice is measured beside, in an environment of its own.

lock: $(READY)  ## Pin and hash what requirements/*.in ask for; needs uv on the PATH.
	uv pip compile requirements/runtime.in -o requirements/runtime.txt --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
	uv pip compile requirements/dev.in -o requirements/dev.txt --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/runtime.txt
	uv pip compile requirements/peers.in -o requirements/peers.txt --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/runtime.txt

generate: $(READY)  ## Write again what is made from contracts and models.
	$(BIN)/python -m sluice.catalog docs/reference
	$(BIN)/python -m sluice.cli.reference docs/reference

clean:  ## Remove what tools left behind; the lake in .sluice and the environment stay.
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(PEERS)/*' -prune -exec rm -rf {} +

# The lock file is complete, hence --no-deps: pip's resolver wants a pin for `sqlalchemy[asyncio]` beside that of
# `sqlalchemy`. pip compiles to bytecode as it installs; importing Prefect costs seconds more without.
# editable_mode=compat puts the checkout itself on the path; the default would find sluice/ but not flows/ and tasks/.
$(READY): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	$(BIN)/python -m pip check
	touch $@

$(PEERS)/.ready: requirements/peers.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/peers.txt
	$(PEERS)/bin/python -m pip check
	touch $@
