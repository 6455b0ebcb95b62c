# Everything a newcomer, an operator on trial or an engineer starts with. Needs Python 3.11+ (venv, pip) and make.
# Recipes that prepare something print to stderr, so that `make requirements ARGS=--json` gives JSON alone on stdout.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS ?=
PYTEST_ARGS ?= -n 2 --dist loadfile

# The environment's own node and npm (from a wheel) come first: no Node is needed on the machine.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
RUN := .venv/bin

.PHONY: help setup demo test test-all test-setup lint fmt requirements sabotage screens bench reference lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.moyai moyai/web/static/vendor/.stamp ## make .venv with the command `moyai`, and fetch what the pages need

demo: setup ## start a shared platform of type 2.1 with residents and services (ARGS=--once plays its story and stops)
	@$(RUN)/moyai up type-2.1 $(ARGS)

test: test-setup lint ## run the linters and every test but the heavy ones
	@$(RUN)/pytest $(PYTEST_ARGS) -m "not heavy" $(ARGS)

test-all: test-setup lint ## run all tests, also faults and a million residents
	@$(RUN)/pytest $(PYTEST_ARGS) $(ARGS)

lint: test-setup ## check style, types and the direction of imports
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/pyright
	@$(RUN)/lint-imports

fmt: test-setup ## format the code
	@$(RUN)/ruff check --fix-only .
	@$(RUN)/ruff format .

requirements: test-setup ## say which of the 146 requirements are shown by a test (ARGS=--json)
	@$(RUN)/python -m tools.requirements $(ARGS)

sabotage: test-setup ## switch one safeguard off at a time; a test must fail for each (ARGS=--json)
	@$(RUN)/python -m tools.sabotage $(ARGS)

screens: test-setup ## photograph every page at 360 and 1280 pixels into screens/
	@$(RUN)/python -m tools.screens $(ARGS)

bench: setup ## measure an exchange against pgbench and a bare HTTP echo
	@$(RUN)/moyai bench exchange $(ARGS)

reference: setup ## write docs/reference/ anew from the code
	@$(RUN)/python -m tools.reference

lock: test-setup ## resolve the dependencies anew (Python and npm)
	@$(RUN)/uv pip compile --universal --generate-hashes --python-version 3.11 --quiet \
		--group pyproject.toml:bootstrap -o lock/bootstrap.txt >/dev/null
	@$(RUN)/uv pip compile --universal --generate-hashes --python-version 3.11 --quiet \
		pyproject.toml --group assets -o lock/runtime.txt >/dev/null
	@$(RUN)/uv pip compile --universal --generate-hashes --python-version 3.11 --quiet \
		pyproject.toml --group assets --group test -c lock/runtime.txt -o lock/test.txt >/dev/null
	@npm install --package-lock-only

clean: ## remove the environment and everything generated (not a platform's data)
	rm -rf .venv node_modules moyai/web/static/vendor screens .pytest_cache .ruff_cache .import_linter_cache

# --- how the environment is made: one stamp file per step ------------------------------------------

.venv/.made:
	@test -n "$(PYTHON)" || { echo "Moyai needs Python 3.11 or newer with venv (set PYTHON=/path/to/python)" >&2; exit 1; }
	@echo "make: creating .venv with $(PYTHON)" >&2
	@$(PYTHON) -m venv .venv >&2
	@touch $@

.venv/.bootstrap: lock/bootstrap.txt | .venv/.made
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r lock/bootstrap.txt >&2
	@touch $@

# uv takes seconds; pip is the way round where uv cannot reach the index (it does not read pip's configuration).
install = { $(RUN)/uv pip install --quiet --python .venv/bin/python $(1) || \
	$(RUN)/python -m pip install --quiet --disable-pip-version-check $(1); } >&2

.venv/.runtime: lock/runtime.txt .venv/.bootstrap
	@echo "make: installing what Moyai runs on" >&2
	@$(call install,--require-hashes -r lock/runtime.txt)
	@touch $@

.venv/.moyai: pyproject.toml .venv/.runtime
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

node_modules/.runtime: package.json package-lock.json .npmrc | .venv/.runtime
	@echo "make: fetching the pages' front-end packages" >&2
	@npm ci --omit=dev --no-progress >&2
	@touch $@

moyai/web/static/vendor/.stamp: node_modules/.runtime tools/assets.py
	@$(RUN)/python tools/assets.py >&2
	@touch $@

test-setup: setup .venv/.test node_modules/.test

.venv/.test: lock/test.txt .venv/.moyai
	@echo "make: installing what the tests need" >&2
	@$(call install,--require-hashes -r lock/test.txt)
	@touch $@

node_modules/.test: package.json package-lock.json .npmrc | .venv/.runtime moyai/web/static/vendor/.stamp
	@echo "make: fetching the test browser, fonts and OIDC clients" >&2
	@npm ci --no-progress >&2
	@touch node_modules/.runtime moyai/web/static/vendor/.stamp $@
