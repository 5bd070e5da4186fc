# Each of these sets up all that it needs in .venv and does it. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
ARGS ?=
INSTALLED := .venv/.installed

.PHONY: search test lint types unit results clean

search: $(INSTALLED)  ## the main job: a chromatic policy of 17 weights for HalfCheetah; ARGS="…" for other options
	.venv/bin/compactrl search --method chromatic --partitions 17 --env HalfCheetah-v5 $(ARGS)

test: lint types unit  ## everything that CI checks

lint: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: $(INSTALLED)
	.venv/bin/mypy

unit: $(INSTALLED)
	.venv/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

results: $(INSTALLED)  ## write the README's tables from experiments/results
	.venv/bin/python -m experiments.tables

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "compactrl needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(INSTALLED)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
