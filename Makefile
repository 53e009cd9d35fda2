# Myopanel. `make install`, `make demo`, `make test` and `make bench` need nothing done before them.
# Only Python 3.11 or newer and make are required; PYTHON=... chooses the interpreter of a new environment.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := models jobs dashboard seed_data
STAMP := $(VENV)/.installed-from-lock
# Options for the command behind a target: make demo ARGS="--patients 300 --port 8060"
ARGS ?=
# How many processes run the tests that may share the machine.
JOBS ?= 2
# These reach every command below: no bar or colour code in a log, no question that would wait for an answer.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Machines that forbid Python to keep what it compiled make each of hundreds of processes compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: help install demo test check lint types contracts unit anyday browser serial bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

$(BIN)/python:
	@python="$(PYTHON)"; \
	for candidate in $$python python3.11 python3 python3.12 python3.13 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Myopanel needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python." >&2; exit 2; fi; \
	echo "Making $(VENV) with $$("$$found" -V)"; \
	"$$found" -m venv $(VENV) || { echo "Python could not make $(VENV): on Debian and Ubuntu install python3-venv." >&2; exit 2; }

# Hash-checked packages first, then Myopanel itself from this folder with the build tools of the lock.
$(STAMP): requirements.lock pyproject.toml dashboard/__init__.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@test -x $(BIN)/myopanel
	@touch $@

install: $(STAMP) ## an environment in .venv with the exact packages of requirements.lock

demo: install ## a throw-away clinic with invented patients, in the browser
	@exec $(BIN)/myopanel demo $(ARGS)

test: check unit anyday serial ## everything that must hold: style, types, import contracts, all tests

check: lint types contracts ## what can be checked without running the tests

lint: install ## style and banned calls
	$(BIN)/ruff check .

types: install ## mypy --strict
	$(BIN)/mypy

contracts: install ## which package may import which
	$(BIN)/lint-imports

unit: install ## tests that may run side by side
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not browser and not serial" $(ARGS)

# Rules and pages are told the time, so the clock of the machine reaches only commands, the scheduler and the server:
# the tests marked `anyday` go through these. They run once for each of 29 February 2028, 31 December, the two
# clock-change nights of Europe/Berlin and of America/New_York, and 400 days ahead; the other stories on the last.
ANYDAY := $(BIN)/python -m pytest -q -p tests.anyday.plugin -n $(JOBS)

anyday: install ## the tests that read the machine's clock, on leap days and clock-change nights and next year
	$(ANYDAY) -m "anyday and not postgres" tests/stories tests/jobs tests/dashboard/test_auth.py $(ARGS)
	$(ANYDAY) -m "not anyday and not serial and not postgres" -k 400-days-ahead tests/stories $(ARGS)

serial: install browser ## tests that need the machine, or a browser, to themselves
	$(BIN)/python -m pytest -q -m "browser or serial" $(ARGS)

# Chromium is the only thing the tests need beside Python packages. CHROMIUM=/path names one elsewhere.
browser:
	@if [ -n "$$CHROMIUM" ]; then exit 0; fi; \
	for name in chromium chromium-browser google-chrome; do \
	  if command -v $$name >/dev/null 2>&1; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Chromium is missing: installing it for the browser tests"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	  echo "Chromium is missing, so the browser tests will not run. Install it with your system's packages" >&2; \
	  echo "(Debian: apt-get install chromium) or name one with CHROMIUM=/path/to/chromium." >&2; \
	  if [ -n "$$CI" ]; then exit 2; fi; \
	fi

bench: install browser ## costs beside other ways to do the same; ARGS="--patients 10000" is the full table
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Maintainers: after changing dependencies in pyproject.toml. Keeps today's versions where they still fit;
# UPGRADE=--upgrade takes the newest ones.
lock: $(BIN)/python ## write requirements.lock anew
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m uv pip compile --quiet pyproject.toml --extra dev \
	  --generate-hashes --universal --python-version 3.11 --no-annotate $(UPGRADE) --output-file requirements.lock

clean: ## remove the environment, caches and build results (never a database)
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
