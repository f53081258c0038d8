# Every command of this project. `make help` lists them.
# They create their own virtual environment from the lock file; they need only Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs lock image test-image test-composite race soak clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## run the step for real, as GitHub would and as Harness would, against a sandbox registry
	@$(BIN)/python tools/demo

test: $(READY) ## run all tests but the container's and those of the composite action that install packages
	$(BIN)/python -m pytest -q --numprocesses=auto --dist=loadgroup --ignore=tests/image --ignore=tests/composite

check: $(READY) ## look for faults without running anything: types, style, schemas, workflows, drift of the documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/docs --check
	$(BIN)/python tools/schemas --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml composite/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	tools/actionlint
	$(BIN)/zizmor --offline --no-progress --quiet .
	$(BIN)/python tools/examples
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck .ci/run .ci/base-image tools/generate/prepare.sh tools/actionlint tools/image tools/lock tools/release
	$(BIN)/vulture
	$(BIN)/codespell

bench: $(READY) ## measure: whole processes beside a bare script and curl, and runs over many artifacts
	@$(BIN)/python tools/bench

docs: $(READY) ## write action.yml, the README's tables and the schemas anew from the code
	$(BIN)/python tools/docs
	$(BIN)/python tools/schemas

lock: ## resolve the dependencies anew into requirements/*.txt
	tools/lock

image: ## build the image har-labels:local; BASE=… names another base
	tools/image

test-image: $(READY) ## run the container's tests; they need Docker
	$(BIN)/python -m pytest tests/image -rA

test-composite: $(READY) ## run the composite action from its first step on; it needs the package registry
	$(BIN)/python -m pytest tests/composite -rA

race: $(READY) ## count lost labels among many real writers, and holders of a label that is moved by two at once
	@$(BIN)/python tools/race
	@$(BIN)/python tools/moves

soak: $(READY) ## minutes of mixed modes, writers and faults, with an oracle that knows every label
	@$(BIN)/python tools/soak

clean: ## remove what the commands made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
