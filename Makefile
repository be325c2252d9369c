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

# What tests/cluster needs, and tests/e2e with more; built before pytest, whose tests have time limits.
API_TIER := versitygw helm etcd kube-apiserver kubectl argo

.PHONY: help demo test e2e verify lint generate faults bench tiny clean

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

test: .venv/.synced ## Unit, golden and local end-to-end tests
	@echo "building the S3 server and Helm for tests, where Go is at hand (minutes the first time)"
	@$(RUN)/python tests/support/go_tools.py versitygw helm || echo "not built: the tests that need it will say so"
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not faults' tests

e2e: .venv/.synced ## On a real API server, then on a real cluster (TIER=api or TIER=full: only that)
	@case "$(TIER)" in ""|api|full) ;; *) echo "TIER is api or full, or left out for both"; exit 64;; esac
	@echo "building a Kubernetes API server, its tools and an S3 server, where Go is at hand (10 to 20 minutes the first time)"
	@$(RUN)/python tests/support/go_tools.py $(API_TIER) || echo "not built: the tests that need it will say so"
	$(if $(filter full,$(TIER)),,$(PYTEST) -n $(WORKERS) --dist worksteal -m 'not faults' tests/cluster)
	$(if $(filter api,$(TIER)),,@$(CLUSTER) prepare || echo "not built: the tests that need it will say so")
	$(if $(filter api,$(TIER)),,$(PYTEST) -m 'not faults' tests/e2e)

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
	$(RUN)/python -m repoloom_stages.make_tiny --out build/tiny

clean: ## Remove environments and results of this checkout
	rm -rf .venv .uv build repoloom-out repoloom-store
