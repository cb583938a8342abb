# `make demo` shows the library at work; `make test` checks it. Both set up what they need in .venv and build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORIGINAL := build/original
SOURCES := Cargo.toml pyproject.toml $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi')

.PHONY: help demo test lint test-rust test-python clean

help:
	@echo "make demo    convert real photographs and texts, read them back, print a table, draw it"
	@echo "             (IMAGES=folder TEXTS=folder for your own)"
	@echo "make test    linters, the tests of the Rust crate, the tests of the Python package"

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
