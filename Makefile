# Needs Python 3.11 or newer and nothing else: no compiler, no browser, no system package.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Torch first and pinned: a range would let pip choose among builds, some of them gigabytes of CUDA libraries.
TORCH := torch==2.13.0
# One core stays free for the rest of the machine, and thread barriers do not burn it while they wait.
export OMP_NUM_THREADS ?= 2
export GOMP_SPINCOUNT ?= 0

.PHONY: demo test lint bench wheel clean

demo: $(VENV)/core
	$(BIN)/hiface reconstruct examples/astronaut.jpg --out demo
	@echo "Look at demo/astronaut/overview.png; open demo/astronaut/face.glb in any 3D viewer."

test: $(VENV)/dev
	$(BIN)/python -m pytest

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev
	$(BIN)/python -m benchmarks

wheel: $(VENV)/dev
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) demo dist

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev: $(VENV)/core
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@
