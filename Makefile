# `make demo` shows it working on this machine, `make test` runs every test; both install what they need into .venv.

CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3
IS_USABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(IS_USABLE)' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv/bin
export PYTHONDONTWRITEBYTECODE := # empty: pip compiles nothing (scripts/install/pip_command.py), so Python caches what it imports

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint fuzz mutations lock lowest pythons dist sbom bench chaos soak phases accuracy docs site pictures upstream clean setup setup-tests setup-release python

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: python ## check two models right away, install a real vLLM, serve a tiny model, watch its cost live
	@"$(PYTHON)" -m scripts.demo.checks
	@"$(PYTHON)" -m scripts.install
	@$(VENV)/python -m scripts.demo

test: setup-tests lint ## everything: lint, types, fast tests, end-to-end tests on a real vLLM and Prometheus, and a summary
	@$(VENV)/python -m pytest --heavy --durations=10 --durations-min=1

test-fast: setup ## the tests that need no server, a few minutes on two cores
	@$(VENV)/python -m pytest

lint: setup ## ruff and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

fuzz: setup ## 100,000 mutated inputs for every reader of foreign input (hours; READERS="bills plans": for these); writes docs/reliability.md
	@$(VENV)/pip install --quiet -e ".[fuzz]"
	@$(VENV)/python -m scripts.fuzz $(READERS); found=$$?; $(VENV)/python -m scripts.fuzz --page || found=1; exit $$found

mutations: setup ## put faults into core/, 300 chosen anew each day, and see whether the tests notice; writes docs/mutations.md
	@$(VENV)/python -m scripts.mutations && $(VENV)/python -m scripts.mutations --page

lock: setup-release ## write dev.lock again after a change of pyproject.toml; UPGRADE=1: with the newest versions
	@$(VENV)/python -m scripts.supply.lock $(if $(UPGRADE),--upgrade)

lowest: setup-release ## the tests with the lowest versions that pyproject.toml allows
	@$(VENV)/python -m scripts.supply.lowest

pythons: setup ## the tests that need no vLLM on every Python that is found, 3.11 to 3.14; writes docs/releasing.md
	@$(VENV)/python -m scripts.supply.pythons $(PYTHONS)

dist: setup-release ## build wheel and sdist twice into dist and compare the bytes
	@$(VENV)/python -m scripts.supply.reproducible

sbom: setup-release ## a CycloneDX bill of materials of the base install and its extras, build/sbom.json
	@$(VENV)/python -m scripts.supply.sbom

bench: setup ## measure the meter's overhead on the server; writes docs/benchmarks.md
	@$(VENV)/python -m scripts.bench

phases: setup ## compare the prefill/decode split with pure loads on a real server; writes docs/phases.md
	@$(VENV)/python -m scripts.phases

accuracy: setup ## compare the fit check with server logs and vLLM's code (minutes); writes docs/accuracy.md, conformance.md
	@$(VENV)/python -m scripts.accuracy.page
	@$(VENV)/python -m scripts.answers.conformance

chaos: setup-tests ## inject every fault into a real server (most of an hour); writes docs/reliability.md
	@$(VENV)/python -m pytest --chaos --record -n0 tests/e2e/reliability; failed=$$?; $(VENV)/python -m scripts.pages.faults || failed=1; exit $$failed

soak: setup-tests ## serve mixed traffic for 90 minutes, with and without the plugin; writes docs/reliability.md
	@$(VENV)/python -m pytest --soak 90 --record -n0 tests/e2e/reliability/test_soak.py; failed=$$?; $(VENV)/python -m scripts.pages.soak || failed=1; exit $$failed

docs: setup ## regenerate the pages made from the code: commands, messages, metrics, settings, coverage, GPUs, licences, ...
	@$(VENV)/python -m scripts.pages.metrics_and_settings
	@$(VENV)/python -m scripts.pages.coverage
	@$(VENV)/python -m scripts.catalogue.page
	@$(VENV)/python -m scripts.supply.licences

pictures: setup ## draw the live page and the dashboards, also of a real vLLM under load (node, Chromium, Prometheus; 20 min)
	@$(VENV)/python -m scripts.live_page
	@$(VENV)/python -m scripts.pictures
	@$(VENV)/python -m scripts.pictures.real_server

upstream: setup ## read a new vLLM release (VERSION=0.33.0): writes docs/upstream/VERSION.md and the tables that follow
	@$(VENV)/python -m scripts.upstream $(or $(VERSION),none)

site: setup ## build the documents as a site into build/site
	@$(VENV)/python -m zensical build --strict --config-file mkdocs.yml && rm -rf .cache

clean: ## remove .venv and everything else that was generated here
	rm -rf .venv build dist .demo scripts/*/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: python
	@"$(PYTHON)" -m scripts.install

setup-release: setup
	@$(VENV)/pip install --quiet -e ".[release]"

setup-tests: python
	@"$(PYTHON)" -m scripts.install --with-tests

python:
	@test -n "$(PYTHON)" || { echo "vllm-costmeter needs Python 3.11 or newer; none of these was found: $(CANDIDATES)." \
	  "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
