# Every target installs what it needs and says so. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.8
# A uv on PATH serves; otherwise one is installed into .uv, for this checkout alone.
UV := $(or $(shell command -v uv),$(CURDIR)/.uv/bin/uv)
RUN := .venv/bin
PYTEST := $(RUN)/pytest
# Unit tests share two workers; each worker's own threads would only be in the others' way.
WORKERS ?= 2

.PHONY: help demo test verify lint generate faults bench tiny clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

$(CURDIR)/.uv/bin/uv:
	@echo "installing uv $(UV_VERSION) into .uv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	@$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The environment is as new as the lock file and the members' declarations.
.venv/.synced: uv.lock pyproject.toml crds/pyproject.toml operator/pyproject.toml stages/pyproject.toml cli/pyproject.toml | $(UV)
	@echo "installing the locked packages into .venv (torch among them: some 5 GB)"
	@$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

demo: .venv/.synced ## One repository to a published adapter (REPO=URL-or-path; default: this checkout)
	@scripts/demo "$(REPO)"

test: .venv/.synced ## Unit, golden and local end-to-end tests
	@echo "building the S3 server that tests talk to, where Go is at hand (minutes the first time)"
	@$(RUN)/python tests/support/go_tools.py versitygw || echo "no S3 server: the tests that need one will say so"
	$(PYTEST) -n $(WORKERS) --dist loadfile -m 'not faults' tests

faults: .venv/.synced ## Whole fault catalogues, with figures
	$(PYTEST) -m faults -s tests

verify: generate ## Fail if anything generated is not what is committed, or the lock file is stale
	@$(UV) lock --check --quiet
	@git diff --exit-code -- crds docs/reference || (echo "generated files differ: commit what 'make generate' wrote"; exit 1)
	@test -z "$$(git ls-files --others --exclude-standard -- crds docs/reference)" || (echo "generated files are not committed"; exit 1)

generate: .venv/.synced ## Write CRDs and reference from the types
	@$(RUN)/python -m repoloom_api.schema crds

lint: .venv/.synced ## Style, types, and who may import whom
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports

bench: .venv/.synced ## Measure hot paths against their limits
	$(RUN)/python bench/index_code.py

tiny: .venv/.synced ## Train the shipped base model anew (about 20 minutes on 2 cores)
	$(RUN)/python -m repoloom_stages.make_tiny --out build/tiny

clean: ## Remove environments and results of this checkout
	rm -rf .venv .uv build repoloom-out repoloom-store
