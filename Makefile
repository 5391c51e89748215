# Each target makes and fills its own .venv; nothing needs to be activated. Needs make and Python 3.11+ (`make PYTHON=/path/to/python3 …` to choose it).

PYTHON ?=
export PYTHON
BIN := .venv/bin
TOOLS := $(BIN)/python -m

.PHONY: help demo portal scripts test full fault lint types format coverage bench neutrality printed peers wheel clean

help:  ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST))

.venv/.demo: pyproject.toml constraints.txt
	@tools/venv agent,demo $@

.venv/.dev: pyproject.toml constraints.txt
	@tools/venv agent,demo,test $@

demo: .venv/.demo  ## runs an ordinary training script under Outrider and shows what was tracked
	@tools/demo

portal: .venv/.dev  ## the portal's scripts, styles and libraries, into the package; an editable install does it too
	@$(BIN)/python hatch_build.py

scripts: .venv/.dev  ## tsc over the portal's scripts
	@$(BIN)/python hatch_build.py check

test: portal  ## the whole suite but what is marked `full`; ARGS may name tests; COVERED=1: and what it covers
	@COVERED=$(COVERED) $(BIN)/python tools/suite.py $(ARGS)

full: portal  ## everything, the long fault and backlog runs too
	@$(TOOLS) pytest --timeout 3600 $(ARGS)

fault: .venv/.dev  ## only the faults: kill -9, torn writes, full disks
	@$(TOOLS) pytest -m 'not full' tests/fault $(ARGS)

lint: .venv/.dev  ## ruff: rules and format
	@$(TOOLS) ruff check . && $(TOOLS) ruff format --check .

format: .venv/.dev  ## ruff: puts into format
	@$(TOOLS) ruff check --fix . && $(TOOLS) ruff format .

types: .venv/.dev  ## mypy, strict
	@$(TOOLS) mypy

coverage: .venv/.dev  ## what unit and contract tests cover, in their own process; most of the rest runs in processes of its own
	@$(TOOLS) coverage run -m pytest -q -m 'not full' tests/unit tests/contract $(ARGS) && $(TOOLS) coverage report --skip-covered --fail-under 40

bench: .venv/.dev  ## each figure beside its floor and its bar
	@$(TOOLS) benchmarks $(ARGS)

neutrality: .venv/.dev  ## runs every kind of script under every condition, bare and tracked, and writes docs/neutrality.md
	@PYTHONPATH=tests/rigs:tests/neutrality $(TOOLS) matrix $(ARGS)

printed: .venv/.dev  ## runs the scripts of examples/printing (they need their frameworks) and writes what is read into docs/reading-output.md
	@$(BIN)/python examples/printing

peers: .venv/.dev  ## installs the trackers that `make bench` then measures beside ours, apart in .venv/peers
	@$(BIN)/python -m venv .venv/peers && .venv/peers/bin/python -m pip install --quiet trackio wandb tensorboard

wheel: .venv/.dev  ## builds dist/*.whl
	@$(TOOLS) build --quiet --wheel

clean:  ## removes what was built or measured, not .venv
	@rm -rf dist build outputs htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis && find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
