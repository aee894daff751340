# PYTHON=python3.12 make install ... picks another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: install check fix test

$(BIN)/router: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@

install: $(BIN)/router

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/router check
	$(BIN)/pytest

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: install
	$(BIN)/pytest
