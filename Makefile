# Every target installs what it needs and says so. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# With it every process of a run would compile all that it imports, each time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
UV_VERSION := 0.13.8
# A uv on PATH serves; otherwise one is installed into .uv, for this checkout alone.
UV := $(or $(shell command -v uv),$(CURDIR)/.uv/bin/uv)
RUN := .venv/bin
PYTEST := $(RUN)/pytest
CLUSTER := PYTHONPATH=tests $(RUN)/python -m support.cluster
# Unit tests share two workers; each worker's own threads would only be in the others' way.
WORKERS ?= 2

# End to end, each tier with more of the real thing than the one before.
TIERS := local api full
# What tests/cluster needs, and tests/e2e with more.
API_TIER := versitygw helm etcd kube-apiserver kubectl argo
# Programs are built before pytest, whose tests have time limits.
built = $(RUN)/python tests/support/go_tools.py $(1) || echo "not built: the tests that need it will say so"

.PHONY: help demo test e2e $(TIERS:%=e2e-%) verify lint generate faults bench tiny clean
.NOTPARALLEL:

help: ## List the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /  make \1\t/' | expand -t 18

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

test: .venv/.synced ## Unit and golden tests
	@echo "building the S3 server and Helm for tests, where Go is at hand (minutes the first time)"
	@$(call built,versitygw helm)
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not faults' tests/unit tests/golden

e2e: $(addprefix e2e-,$(or $(TIER),$(TIERS))) ## On this machine, a real API server, a real cluster (TIER=local, api or full: one alone)

e2e-local: .venv/.synced
	@echo "building the S3 server for tests, where Go is at hand (minutes the first time)"
	@$(call built,versitygw)
	$(PYTEST) -n $(WORKERS) --dist loadfile -m 'not faults' tests/local

e2e-api: .venv/.synced
	@echo "building a Kubernetes API server, its tools and an S3 server, where Go is at hand (10 to 20 minutes the first time)"
	@$(call built,$(API_TIER))
	$(PYTEST) -n $(WORKERS) --dist worksteal -m 'not faults' tests/cluster

e2e-full: .venv/.synced
	@echo "building a Kubernetes API server, its tools and an S3 server, where Go is at hand (10 to 20 minutes the first time)"
	@$(call built,$(API_TIER))
	@$(CLUSTER) prepare || echo "not built: the tests that need it will say so"
	$(PYTEST) -m 'not faults' tests/e2e

e2e-%:
	@echo "TIER is local, api or full, or left out for all"; exit 64

faults: .venv/.synced ## Whole fault catalogues, with figures
	$(PYTEST) -m faults -s tests tests/cluster

verify: generate ## Fail if anything generated is not what is committed, or the lock file is stale
	@$(UV) lock --check --quiet
	@git diff --exit-code -- crds charts docs/reference || (echo "generated files differ: commit what 'make generate' wrote"; exit 1)
	@test -z "$$(git ls-files --others --exclude-standard -- crds charts docs/reference)" || (echo "generated files are not committed"; exit 1)

generate: .venv/.synced ## Write CRDs, the chart's part of them, and reference from the types
	@$(RUN)/python -m repoloom_api.schema crds
	@$(RUN)/python -m repoloom_api.chart charts/repoloom
	@$(RUN)/python -m repoloom_api.reference docs/reference

lint: .venv/.synced ## Style, types, and who may import whom
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports

bench: .venv/.synced ## Measure hot paths against their limits (FOLDER=code to index; default: our own stages)
	$(RUN)/python bench/index_code.py "$(or $(FOLDER),stages/src)"
	$(PYTEST) -m faults -s tests/cluster/test_operator_load.py

tiny: .venv/.synced ## Train the shipped base model anew (about 20 minutes on 2 cores)
	$(RUN)/python scripts/make_tiny.py --out build/tiny

clean: ## Remove environments and results of this checkout
	rm -rf .venv .uv build repoloom-out repoloom-store
