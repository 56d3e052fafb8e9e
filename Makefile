# The commands of the project. `make` alone lists them.
#
# Needs Python 3.11 or newer, make and git, nothing else: the rest is put into .venv, node_modules and .tools.
# Each step leaves a stamp in .venv/stamps and is repeated only when what it depends on has changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8
NODE_VERSION := 24.19.0

VENV := .venv
STAMPS := $(VENV)/stamps
RUN := $(VENV)/bin/python
UV := $(VENV)/bin/uv
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(VENV)/bin/python
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# Every part, job and test starts processes of its own, and those of jobs may write nowhere: without this, each would
# compile the same modules anew, five seconds of a training.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

# A space for the tests of browsers, faults and so on to narrow down: make test TESTS=tests/billing
TESTS ?=
# Three processes keep two cores busy, as many tests wait for processes and browsers of their own.
TEST_PROCESSES ?= 3

.PHONY: help setup up demo test test-setup lint types bench chaos doctor clean

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(STAMPS)/static ## Install everything that `make up` needs
	@$(RUN) -m compileall -q freelance_ml projects billing evaluations

up: setup ## Start Freelance ML on this machine; PORT=8001 for another port
	@exec $(RUN) manage.py up

demo: setup ## The same with a sample workspace, kept apart from your own data
	@exec $(RUN) manage.py demo

doctor: setup ## Look for what is wrong and say what to do
	@$(RUN) manage.py doctor

test-setup: $(STAMPS)/dev $(STAMPS)/static

test: test-setup ## Run the tests; with DATABASE_URL and REDIS_URL on those
	$(RUN) -m pytest -n $(TEST_PROCESSES) $(TESTS)

lint: test-setup ## Style, types, layers, templates, spelling, forgotten migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint templates --lint --quiet  # its formatter breaks block tags of our own
	$(VENV)/bin/typos
	$(RUN) manage.py makemigrations --check --dry-run
	@$(MAKE) types

types: test-setup ## Types
	$(VENV)/bin/mypy .

bench: test-setup ## Measure; results go to benchmarks/results
	$(RUN) -m benchmarks

chaos: test-setup ## The long fault suite: processes are killed, frozen and starved
	$(RUN) -m pytest -m chaos tests/faults $(TESTS)

clean: ## Remove what was installed; your data in var stays
	rm -rf $(VENV) .tools node_modules static-built

# --- steps -------------------------------------------------------------------------------------------

$(STAMPS)/uv:
	@sh scripts/make_venv.sh $(VENV) $(UV_VERSION)
	@mkdir -p $(STAMPS)
	@touch $@

# --inexact: what the tests need stays when only the application is brought up to date
$(STAMPS)/packages: uv.lock pyproject.toml | $(STAMPS)/uv
	$(UV) sync --frozen --no-default-groups --inexact --quiet
	@touch $@

$(STAMPS)/dev: uv.lock pyproject.toml | $(STAMPS)/uv
	$(UV) sync --frozen --inexact --quiet
	@touch $(STAMPS)/packages $@

$(STAMPS)/node: package-lock.json package.json | $(STAMPS)/uv
	@sh scripts/npm_ci.sh $(UV) $(NODE_VERSION)
	@touch $@

STATIC_SOURCES := $(shell find freelance_ml/static freelance_ml/finders.py freelance_ml/settings.py -type f 2>/dev/null)

$(STAMPS)/static: $(STATIC_SOURCES) $(STAMPS)/node $(STAMPS)/packages
	@$(RUN) manage.py collectstatic --no-input --clear --verbosity 0
	@touch $@
