# Needs a Python of 3.11 or newer with its venv module, and a package index that pip can reach.

PYTHON ?= python3
VENV ?= .venv
# One more than there are cores: a third of the time tests wait for disks and other processes.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)' 2>/dev/null || echo auto)
ARGS ?=

BIN := $(VENV)/bin
PEERS := tests/peers/node_modules/.stamp
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
# Say nothing unless it fails, and then everything.
quietly = @report=$$($(1) 2>&1) || { echo "$$report" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test nightly faults mutants lint types format bench docs clean
# Two pips at work in one environment would spoil it.
.NOTPARALLEL:
# Stamps are made by a pattern rule; make would delete them as intermediate files.
.SECONDARY:

help: ## list the targets
	@echo "Usage: make <target> [PYTHON=python3.12] [VENV=.venv] [ARGS=...]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile

demo: $(VENV)/demo.stamp ## watch messages being accepted, delivered and tracked
	@$(BIN)/messaging demo $(ARGS)

test: $(VENV)/test.stamp $(PEERS) ## run the tests, such as: make test ARGS="-k lifecycle"
	@echo "Testing"
	@PYTHONSAFEPATH=1 $(BIN)/pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

faults: $(VENV)/test.stamp ## kill, stop and cut the power very often, and show the figures
	@echo "Testing what faults do"
	@PYTHONSAFEPATH=1 MESSAGING_KILLS=$${MESSAGING_KILLS:-150} MESSAGING_CUTS=$${MESSAGING_CUTS:-4000} \
		MESSAGING_STOPS=$${MESSAGING_STOPS:-50} \
		$(BIN)/pytest tests/faults --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

nightly: $(VENV)/test.stamp $(PEERS) ## run the tests with many more examples, which takes a while
	@echo "Testing with many more examples"
	@HYPOTHESIS_PROFILE=nightly PYTHONSAFEPATH=1 $(BIN)/pytest \
		--numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

mutants: $(VENV)/dev.stamp ## plant small wrong changes in the rules, and count those that tests notice
	@PYTHONPATH=tests $(BIN)/python tests/mutation/run.py $(ARGS)

lint: $(VENV)/dev.stamp ## check style, format, words and the direction of imports
	@echo "Checking style, format, words and imports"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/python tests/plain_words.py
	$(call quietly,$(BIN)/lint-imports --no-logo)

types: $(VENV)/dev.stamp ## check types
	@echo "Checking types"
	@$(BIN)/mypy --no-error-summary
	$(call quietly,$(BIN)/basedpyright --pythonpath $(BIN)/python)

format: $(VENV)/dev.stamp ## format the code and fix what ruff can fix
	@echo "Formatting"
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

bench: $(VENV)/bench.stamp ## write docs/reference/benchmarks.md; for a short run: make bench ARGS=--quick
	@$(BIN)/python benchmarks/_run.py $(ARGS)

docs: $(VENV)/docs.stamp ## build the documentation into docs/_build/html
	@echo "Building docs/_build/html"
	@$(BIN)/sphinx-build -q -n -W --keep-going docs docs/_build/html

clean: ## remove the virtual environment and everything else that was made
	@echo "Cleaning"
	@rm -rf $(VENV) tests/peers/node_modules docs/_build build dist .coverage .coverage.* \
		.hypothesis .mutants .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/pip.stamp:
	@$(PYTHON) --version >/dev/null 2>&1 || { \
		echo "$(PYTHON) does not run here: install Python 3.11 or newer," \
			"or name yours: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed." \
			"If you have one, name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: its venv module is missing." \
			"On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
# Dependency groups need a pip newer than the one that Python 3.11 brings.
	$(call quietly,$(PIP_INSTALL) 'pip>=25.1')
	@touch $@

$(VENV)/demo.stamp: pyproject.toml $(VENV)/pip.stamp
	@echo "Installing the package (this once)"
	$(call quietly,$(PIP_INSTALL) --editable '.[demo]')
	@touch $@

$(PEERS): tests/peers/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "Installing the servers of others that the tests start (this once)"; \
		report=$$(npm ci --prefix tests/peers --ignore-scripts --no-audit --no-fund 2>&1) || { \
			echo "$$report" >&2; exit 1; }; \
		touch $@; \
	else \
		echo "Tests that need node and npm are skipped." \
			"On Debian and Ubuntu: sudo apt-get install nodejs npm" >&2; \
	fi

$(VENV)/%.stamp: pyproject.toml $(VENV)/demo.stamp
	@echo "Installing what '$*' needs (this once)"
	$(call quietly,$(PIP_INSTALL) --group $*)
	@touch $@
