# `make demo` shows it working on this machine, `make test` runs every test; both install what they need into .venv.

CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3
IS_USABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(IS_USABLE)' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv/bin
export PYTHONDONTWRITEBYTECODE := # empty: pip compiles nothing (scripts/install/pip_command.py), so Python caches what it imports

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint bench phases accuracy docs pictures upstream clean setup setup-tests python

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: python ## check two models right away, install a real vLLM, serve a tiny model, watch its cost live
	@$(PYTHON) -m scripts.demo.checks
	@$(PYTHON) -m scripts.install
	@$(VENV)/python -m scripts.demo

test: setup-tests lint ## everything: lint, types, fast tests, end-to-end tests on a real vLLM and Prometheus, and a summary
	@$(VENV)/python -m pytest --heavy --durations=10 --durations-min=1

test-fast: setup ## the tests that need no server, under a minute
	@$(VENV)/python -m pytest

lint: setup ## ruff and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

bench: setup ## measure the meter's overhead on the server; writes docs/benchmarks.md
	@$(VENV)/python -m scripts.bench

phases: setup ## compare the prefill/decode split with pure loads on a real server; writes docs/phases.md
	@$(VENV)/python -m scripts.phases

accuracy: setup ## compare the fit check with server logs and vLLM's code (minutes); writes docs/accuracy.md, conformance.md
	@$(VENV)/python -m scripts.accuracy.page
	@$(VENV)/python -m scripts.answers.conformance

docs: setup ## regenerate the pages made from the code: metrics, settings, coverage, GPUs
	@$(VENV)/python -m scripts.pages.metrics_and_settings
	@$(VENV)/python -m scripts.pages.coverage
	@$(VENV)/python -m scripts.catalogue.page

pictures: setup ## draw the live page and the dashboards, these with Grafana's own components (node, Chromium, Prometheus)
	@$(VENV)/python -m scripts.live_page
	@$(VENV)/python -m scripts.pictures

upstream: setup ## read a new vLLM release (VERSION=0.33.0): writes docs/upstream/VERSION.md and the tables that follow
	@$(VENV)/python -m scripts.upstream $(or $(VERSION),none)

clean: ## remove .venv and everything else that was generated here
	rm -rf .venv build dist .demo scripts/*/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: python
	@$(PYTHON) -m scripts.install

setup-tests: python
	@$(PYTHON) -m scripts.install --with-tests

python:
	@test -n "$(PYTHON)" || { echo "vllm-costmeter needs Python 3.11 or newer; none of these was found: $(CANDIDATES)." \
	  "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
