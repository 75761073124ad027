# Every target sets up what it needs: uv (through pip if it is not there), then the locked dependencies.
# Nothing is written outside this folder and uv's and pip's usual caches.

SHELL := /bin/bash
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help bench test test-contract test-all-else lint selftest overhead reference tables docs clean

help:  ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bench: .venv/ready  ## measure aio-pika and aioamqp on asyncio and uvloop, in two minutes
	$(RUN) mqbench run $(BENCH_ARGS)

test: .venv/ready  ## run every test that this machine can run, two rooms at a time: most wait more than they compute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-contract test-all-else

test-contract: .venv/ready
	$(RUN) pytest tests/contract

test-all-else: .venv/ready
	$(RUN) pytest --ignore=tests/contract

lint: .venv/ready  ## ruff and mypy
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy

selftest: .venv/ready  ## gates whose right answer is known: does the gate still decide right
	$(RUN) python scripts/selftest.py

overhead: .venv/ready  ## what the harness itself costs, as ratios
	$(RUN) pytest tests/benchmarks --benchmark-only --benchmark-disable-gc -q -s

reference: .venv/ready  ## make the published reference runs again: every client on RabbitMQ, mosquitto and Kafka
	$(RUN) python scripts/reference.py

tables: .venv/ready  ## write the generated tables of the documents again
	$(RUN) python -m bench.report.reference

docs: .venv/ready  ## build the documentation into docs/_build/html, every warning an error
	$(RUN) sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:  ## remove the environment and the caches of this folder
	rm -rf docs/_build docs/reference/generated .venv .uv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --extra all --group dev
	@touch $@

.uv/bin/uv:
	@echo "uv is not installed; putting it into .uv with pip"
	python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv
