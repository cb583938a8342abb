# `make demo` shows the library at work; `make test` checks it. Both set up what they need in .venv and build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORIGINAL := build/original
TORCH := build/torch
TORCH_PYTHON ?= /usr/bin/python3
SOURCES := Cargo.toml pyproject.toml $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi')

.PHONY: help demo test lint test-rust test-python test-torch soak bench clean

help:
	@echo "make demo    convert real photographs and texts, read them back, print a table, draw it"
	@echo "             (IMAGES=folder TEXTS=folder for your own)"
	@echo "make test    linters, the tests of the Rust crate, the tests of the Python package"
	@echo "make soak    the tests with faults at every file operation, in full"
	@echo "make bench   measurements beside the original and its peers, into docs/benchmarks.md"
	@echo "make docs    the pages, into build/docs, and their examples"
	@echo "make test-torch   the tests with PyTorch, by the system's Python"

demo: $(VENV)/.installed
	$(BIN)/pip install -q --group demo
	$(BIN)/python examples/demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(TEXTS),--texts "$(TEXTS)")

test: lint test-rust test-python

lint: $(VENV)/.tools
	cargo fmt --check
	cargo clippy -q --all-targets -- -D warnings
	cargo clippy -q --all-targets --features python -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check

test-rust:
	cargo test -q
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo test -q --features python

test-python: $(VENV)/.installed $(ORIGINAL)/.installed
	$(BIN)/python -m pytest -q

soak:
	SOAK=1 cargo test --release --lib -- --nocapture

# Needs Debian's python3-torch, which brings NumPy 1.24: apt-get install python3-torch python3-pytest python3-tqdm
test-torch: $(VENV)/.tools
	rm -rf $(TORCH)
	$(BIN)/maturin build -q --release -o $(TORCH)/wheels
	$(BIN)/pip install -q --no-deps --target $(TORCH)/site $(TORCH)/wheels/mmap_ninja-*.whl
	PYTHONPATH=$(abspath $(TORCH)/site) $(TORCH_PYTHON) -m pytest -q -p no:cacheprovider tests/torch

# Measures everything beside the original and its peers; QUICK=1 with little data.
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

# Warnings are errors. The examples run here with all that they need but TensorFlow and PyTorch.
.PHONY: docs
docs: $(VENV)/.installed
	$(BIN)/pip install -q --group docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs
	$(BIN)/python -m pytest -q tests/python/test_documentation.py

# The environment with the tools and the tests' packages.
$(VENV)/.tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q --group test
	@touch $@

# The library, built for release and installed in that environment.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	$(BIN)/pip install -q numpy tqdm
	$(BIN)/maturin develop -q --release
	@touch $@

# The original, for the tests that compare with it. Its import name is the same, so it lives by itself.
$(ORIGINAL)/.installed:
	$(PYTHON) -m venv $(ORIGINAL)
	$(ORIGINAL)/bin/pip install -q mmap_ninja==0.9.0 zstandard ml_dtypes
	@touch $@

clean:
	rm -rf $(VENV) build target
