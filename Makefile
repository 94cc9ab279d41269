# make setup | demo | test | slow | exhaustive | coverage | validation | fuzz | storms | bench | docs | clean. Nothing needs to be done before any of them.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3 python
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# The first interpreter that is new enough and can make an environment; PYTHON=... chooses another.
PYTHON ?= $(shell for p in $(CANDIDATES); do if $$p -c '$(SUITABLE)' 2>/dev/null; then echo $$p; break; fi; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: setup demo test lint types tests slow exhaustive coverage validation fuzz storms bench docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
	  echo "headroom needs Python 3.11 or newer with the modules venv and ensurepip (on Debian: the package python3-venv)." >&2; \
	  echo "Tried: $(CANDIDATES). Name another with: make setup PYTHON=/path/to/python" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c '$(SUITABLE)'; then \
	  echo "$(PYTHON) is not Python 3.11 or newer with the modules venv and ensurepip; found: $$("$(PYTHON)" --version 2>&1)" >&2; exit 1; fi
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/headroom run high-throughput-orchestration --out runs/demo

test: lint types tests

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

tests: setup
	$(BIN)/pytest -n auto

slow: setup
	$(BIN)/pytest -n auto -m slow

validation: setup
	$(BIN)/headroom validate-model --markdown docs/reference/validation.md

# How often intervals, gate and stopping rules are right, into docs/statistics.md: a quarter of an hour.
coverage: setup
	$(BIN)/python -m tests.statistics

exhaustive: setup
	$(BIN)/pytest -m exhaustive -s

# SEEDS=FIRST..END, as of a range: the last is END - 1.
fuzz: SEEDS ?= 0..500
fuzz: setup
	$(BIN)/python -m tests.fuzz $(firstword $(subst .., ,$(SEEDS))) --to $(lastword $(subst .., ,$(SEEDS)))

storms: SEEDS ?= 0..2000
storms: setup
	$(BIN)/python -m tests.storms $(firstword $(subst .., ,$(SEEDS))) --to $(lastword $(subst .., ,$(SEEDS)))

bench: setup
	$(BIN)/pytest -m bench -s tests/benchmarks

docs: setup
	$(BIN)/python -m headroom.reference

clean:
	rm -rf runs dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -not -path './$(VENV)/*' -type d -prune -exec rm -rf {} +
