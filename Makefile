# `make` prints what there is. Every target works on a fresh machine with Python >= 3.11.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REQUIREMENTS := requirements/dev.txt

.PHONY: help
help:  ## Show this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp of the runtime is enough for the demo; everything else needs the tools too.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sloengine needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: demo
demo: $(VENV)/.runtime  ## Send the shop's traffic through the engine and show its error budgets
	@$(BIN)/sloengine demo --out build/demo

.PHONY: install
install: $(VENV)/.dev  ## Make the virtual environment with every tool

.PHONY: test
test: $(VENV)/.dev  ## The daily suite, under three minutes
	@$(BIN)/pytest -n auto --dist loadgroup -m "not slow"

.PHONY: test-all
test-all: $(VENV)/.dev  ## Everything, the slow ones and the real Collector too
	@$(BIN)/pytest -n auto --dist loadgroup

CASES ?= 10000
.PHONY: twins
twins: $(VENV)/.dev  ## Compare each kernel with its plain twin over CASES=10000 generated cases
	@SLOENGINE_TWIN_CASES=$(CASES) $(BIN)/pytest -n auto --dist worksteal \
	  tests/otlp_kernel/test_kernel_twin.py tests/processor_kernel/test_pending_twin.py

.PHONY: mutants
mutants: $(VENV)/.dev  ## Break the kernels one line at a time: the tests must notice each
	@$(BIN)/python tests/mutants/run.py

.PHONY: lint
lint: $(VENV)/.dev  ## ruff, mypy --strict, the one direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: bench
bench: $(VENV)/.dev  ## Print what it costs, and write build/bench.json
	@$(BIN)/python -m benchmarks --out build/bench.json

.PHONY: docs
docs: $(VENV)/.dev  ## Write the generated pages again
	@$(BIN)/python tests/docs/generate.py

.PHONY: lock
lock: $(VENV)/.dev  ## Resolve requirements/*.txt again (needs uv on the PATH)
	uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --upgrade -o requirements/runtime.txt
	uv pip compile -q pyproject.toml --group build --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/runtime.txt \
	  --upgrade -o requirements/dev.txt

.PHONY: clean
clean:  ## Remove what was built
	rm -rf build dist $(VENV)
