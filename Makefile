# Steeple's tasks. `make help` lists them.
#
# Paths are relative on purpose: GNU make cannot name targets with spaces, and so a checkout may lie anywhere.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test test-deps chaos nightly check bench docs clean

PYTHON ?= python3
BIN := .venv/bin
# pip reads constraints given by variable for build backends too (by the second name since pip 25.3).
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
# Two to four test processes: the browser and chaos tests wait more than they compute.
CORES := $(shell nproc 2>/dev/null || echo 2)
TEST_PROCESSES ?= $(shell n=$(CORES); [ $$n -lt 2 ] && n=2; [ $$n -gt 4 ] && n=4; echo $$n)
# What to run or how, such as: make test ARGS="tests/wire -x"
ARGS ?=

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.venv/ready-test: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Steeple needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into .venv (about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -c constraints.txt -e ".[test]"
	@touch $@

.venv/ready-dev: .venv/ready-test
	@$(PIP) -c constraints.txt -e ".[test,dev]"
	@touch $@

.venv/ready-bench: .venv/ready-test
	@$(PIP) -c constraints.txt -e ".[test,bench]"
	@touch $@

setup: .venv/ready-test ## Make the virtual environment .venv with Steeple and what its tests need

run: .venv/ready-test ## Run the demo: gateway, rehearsal push services and a shop page
	@exec $(BIN)/python -m gateway demo $(ARGS)

test: .venv/ready-test ## Run all tests; what is missing on this machine is named at the end
	@$(if $(filter true,$(CI)),sh scripts/test_deps.sh install)
	@sh scripts/test.sh $(TEST_PROCESSES) $(ARGS)

test-deps: .venv/ready-test ## Install what the tests need beyond Python: browsers, the SDK's tools, a second PostgreSQL (root)
	@sh scripts/test_deps.sh install

chaos: .venv/ready-test ## Put the gateway through every fault and thousands of histories; writes docs/faults.md
	@STEEPLE_HISTORIES=$${STEEPLE_HISTORIES:-3000} $(BIN)/python scripts/chaos.py $(ARGS)

nightly: chaos ## Run what takes too long for every day: every fault, the whole benchmark, a soak, the peers in Go
	@sh scripts/test.sh $(TEST_PROCESSES) -m "nightly and not chaos"

check: .venv/ready-dev ## Check format, lint, types, floors and generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/reference.py --check

bench: .venv/ready-bench ## Measure throughput, latency and cost, beside other libraries on the same sink
	@exec $(BIN)/python -m gateway bench load $(ARGS)

docs: .venv/ready-test ## Write the reference pages that are generated from the code
	$(BIN)/python scripts/reference.py

clean: ## Remove the virtual environment and everything that was built or measured
	rm -rf .venv artefacts dist-wheel .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name node_modules -prune -o -name __pycache__ -type d -exec rm -rf {} +
