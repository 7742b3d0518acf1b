# make run     set up .venv and run every experiment; then open reports/index.html
# make test    set up .venv and run the tests
# make check   lint, formatting and types
# make versions  a part of the tests with the oldest dependencies, and with each newer Python
# make bench   measure diffkit beside its peers (up to an hour, and it goes on where it was stopped;
#              with QUICK=1 about a quarter of an hour); then open reports/benchmark/index.html
# make docs    build the documentation; then open docs/_build/html/index.html
#
# Another interpreter: make run PYTHON=python3.13

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test check versions bench docs format clean help

run: $(VENV)/.run-ready
	$(BIN)/diffkit run

test: $(VENV)/.dev-ready
	$(BIN)/python -m pytest

check: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

versions: $(VENV)/.dev-ready
	.ci/versions --newer

bench: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/compare_tools.py --page reports $(if $(QUICK),--quick)

docs: $(VENV)/.docs-ready
	$(BIN)/sphinx-build -n -W --keep-going -b html docs docs/_build/html

format: $(VENV)/.dev-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) dist docs/_build docs/reference/generated .mypy_cache .pytest_cache .ruff_cache

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

# The stamps are newer than pyproject.toml once its requirements are installed.
$(VENV)/.run-ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("diffkit needs Python 3.11 or newer; use make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -e .
	touch $@

$(VENV)/.dev-ready: $(VENV)/.run-ready
	$(PIP) install -e '.[dev]'
	touch $@

# The reference describes all adapters, and imports their libraries.
$(VENV)/.docs-ready: $(VENV)/.dev-ready
	$(PIP) install -e '.[docs]'
	touch $@
