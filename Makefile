# `make demo` shows it working on this machine, `make test` proves it; both install what they need into .venv.

CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3
IS_USABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(IS_USABLE)' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv/bin
export PYTHONDONTWRITEBYTECODE := # pip compiles nothing here (scripts/install/pip_command.py): what is imported is compiled once

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint bench phases accuracy docs clean setup setup-tests python

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: python ## check two models at once, install a real vLLM, serve a tiny model, watch its cost live
	@$(PYTHON) -m scripts.demo.checks
	@$(PYTHON) -m scripts.install
	@$(VENV)/python -m scripts.demo

test: setup-tests lint ## everything: lint, types, fast tests, end-to-end tests on a real vLLM and Prometheus, and a table of it
	@$(VENV)/python -m pytest --heavy --durations=10 --durations-min=1

test-fast: setup ## the tests that need no server, under a minute
	@$(VENV)/python -m pytest

lint: setup ## ruff and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

bench: setup ## what the meter costs the server; writes docs/benchmarks.md
	@$(VENV)/python -m scripts.bench

phases: setup ## the split of prefill and decode against pure loads on a real server; writes docs/phases.md
	@$(VENV)/python -m scripts.phases

accuracy: setup ## the preflight against server logs and vLLM's own code (some minutes); writes docs/accuracy.md, conformance.md
	@$(VENV)/python -m scripts.accuracy.page
	@$(VENV)/python -m scripts.answers.conformance

docs: setup ## the pages that are written from the code: metrics, settings, coverage
	@$(VENV)/python -m scripts.pages.metrics_and_settings
	@$(VENV)/python -m scripts.pages.coverage

clean: ## remove .venv and everything else that was made here
	rm -rf .venv build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: python
	@$(PYTHON) -m scripts.install

setup-tests: python
	@$(PYTHON) -m scripts.install --with-tests

python:
	@test -n "$(PYTHON)" || { echo "vllm-costmeter needs Python 3.11 or newer and found none of: $(CANDIDATES)." \
	  "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
