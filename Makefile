# `make app` and `make test` set up everything that they need; `make help` lists all commands.
# Requires a POSIX shell, make, and Python 3.11 or newer (choose one with make PYTHON=/path/to/python3).

IN_VENV := .venv/bin/python
PYTHON  ?=
# HOST is used only if it is given to make: some shells set a variable of that name to the machine's name.
OPTIONS  = $(if $(findstring command,$(origin HOST)),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: help setup dev app test test-slow test-cluster check audit bench models lock wheel clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## set up the environment that the app needs
	@PYTHON="$(PYTHON)" sh .ci/setup.sh

dev: ## set up the environment that tests and checks need
	@PYTHON="$(PYTHON)" sh .ci/setup.sh dev

app: setup ## start the app (options: HOST=, PORT=; ARGS= is passed to app.py)
	@$(IN_VENV) app.py $(OPTIONS)

test: dev ## run all tests but the slow ones (ARGS= is passed to pytest)
	@$(IN_VENV) -m tests.find_chromium --install
	@$(IN_VENV) -m pytest -m "not slow" --numprocesses 2 --dist loadfile $(ARGS)

test-slow: dev ## run the slow tests
	@$(IN_VENV) -m tests.find_chromium --install
	@$(IN_VENV) -m pytest -m slow $(ARGS)

test-cluster: dev ## run the tests of stores on a PostgreSQL server of their own, and those of several machines
	@$(IN_VENV) -m pytest --store postgres -m "not slow and not browser" --numprocesses 2 --dist loadfile \
		tests/cluster tests/runs tests/jobs tests/sweeps tests/pages/server $(ARGS)

check: dev ## lint, format, types, import contracts; JavaScript and CSS too
	@$(IN_VENV) -m ruff check --quiet --no-cache .
	@$(IN_VENV) -m ruff format --check --quiet .
	@$(IN_VENV) -m mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo --no-cache
	@export DENO_DIR=.venv/deno; .venv/bin/deno fmt --quiet --check && .venv/bin/deno lint --quiet

audit: dev ## look up known vulnerabilities of the packages in requirements*.txt
	@$(IN_VENV) -m scripts.audit

bench: dev ## measure the figures of docs/performance.md (with DATA=DIR, training too)
	@$(IN_VENV) -m tests.find_chromium --install
	@$(IN_VENV) -m benchmarks.responsiveness
	@$(IN_VENV) -m benchmarks.scale
	@$(IN_VENV) -m benchmarks.prediction $(if $(DATA),--data "$(DATA)")
	@$(IN_VENV) -m benchmarks.large_dataset
	@test -z "$(DATA)" || $(IN_VENV) -m benchmarks.training --data "$(DATA)" $(ARGS)

models: setup ## make the shipped models again, from DATA=DIR (MORE=, ORIGINALS=, ALSO=, ONLY=, ARGS=: see scripts/ship_models.py)
	@test -n "$(DATA)" || { echo "Say which data: make models DATA=DIR"; exit 2; }
	@$(IN_VENV) -m scripts.ship_models --data "$(DATA)" $(if $(MORE),--more $(MORE)) $(if $(ORIGINALS),--originals "$(ORIGINALS)") \
		$(if $(ALSO),--also $(ALSO)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

LOCK := $(IN_VENV) -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"
# What requirements.txt has, requirements-cuda.txt leaves out.
LOCKED = $(shell sed -nE 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' requirements.txt)
lock: dev ## compile requirements*.txt from pyproject.toml, with hashes; versions stay as they are where they can (ARGS=--upgrade takes the newest)
	@$(LOCK) $(ARGS) pyproject.toml --output-file requirements.txt
	@echo torch | $(LOCK) $(ARGS) --no-config --constraints requirements.txt $(LOCKED) - --output-file requirements-cuda.txt
	@$(LOCK) $(ARGS) --extra cluster --constraints requirements.txt $(LOCKED) pyproject.toml --output-file requirements-cluster.txt
	@$(LOCK) $(ARGS) --group dev --constraints requirements.txt --output-file requirements-dev.txt

wheel: dev ## build the package into dist/
	@$(IN_VENV) -m hatchling build -d dist

clean: ## remove the environment and caches; keeps runs and checkpoints
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
