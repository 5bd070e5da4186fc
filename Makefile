# Each of these sets up what it needs in .venv and does it. PYTHON chooses the interpreter (3.11 to 3.13); TORCH_INDEX
# where PyTorch comes from: by default its builds for CPUs, which are enough here; empty for your package index alone.
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
ARGS ?=
RUNS := $(VENV)/.runs
DEVELOPS := $(VENV)/.develops
SHELL := bash
.SHELLFLAGS := -o pipefail -ec

.PHONY: search test lint types unit results clean

search: $(RUNS)  ## 17 weights for HalfCheetah, as measured; ARGS="…" for other options
	$(VENV)/bin/compactrl search --method chromatic --partitions 17 --env HalfCheetah-v5 --engine envpool $(ARGS)

test: lint types unit  ## everything that CI checks

lint: $(DEVELOPS)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(DEVELOPS)
	$(VENV)/bin/mypy

unit: $(DEVELOPS)
	$(VENV)/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

results: $(DEVELOPS)  ## write the README's tables from experiments/results
	$(VENV)/bin/python -m experiments.tables

# pip, told in a line per large file. An index that cannot be reached is tried once and left out; that one which is a
# folder lacks a package is no news.
PIP = $(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt
TOLD = 2> >(grep -v 'is ignored: it is neither a file nor a directory' >&2) \
  | { grep --line-buffered -oE '[^ /]+\.whl \([0-9.]+ MB\)|Installing collected packages' || true; }

define NEEDS_CUDA
import sys; from importlib.metadata import requires
sys.exit(any(name.startswith(("cuda", "nvidia")) and "extra ==" not in name for name in requires("torch")))
endef
define NO_CPU_BUILD
note: $(if $(TORCH_INDEX),$(TORCH_INDEX) has no PyTorch for this Python or cannot be reached; )the PyTorch of your package
index brings NVIDIA's libraries: 2.5 GB more to download, 4 GB more on the disk, and of no use to compactrl. Ctrl-C now and
TORCH_INDEX=… names another index with builds for CPUs.
endef
export NEEDS_CUDA NO_CPU_BUILD

$(RUNS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "compactrl needs Python 3.11, 3.12 or 3.13, and this is %d.%d: say which with make PYTHON=python3.13" % sys.version_info[:2])'
	@echo "setting up $(VENV) with $$($(PYTHON) --version): some 0.7 GB to download, 2.5 GB on the disk, a few minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --no-deps --retries 0 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch $(TOLD)
	@$(VENV)/bin/python -c "$$NEEDS_CUDA" || echo "$$NO_CPU_BUILD"
	@SECONDS=0; $(PIP) -e . $(TOLD); echo "set up in $$SECONDS s"
	@touch $@

$(DEVELOPS): $(RUNS)
	@echo "adding linters and test tools to $(VENV): some 0.1 GB to download"
	@$(PIP) -e ".[dev]" $(TOLD)
	@touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
