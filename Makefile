# `make demo` shows the library at work; `make test` checks it. Both set up what they need in .venv and build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORIGINAL := build/original
TORCH := build/torch
TORCH_PYTHON ?= /usr/bin/python3
SOURCES := Cargo.toml pyproject.toml $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi')

.PHONY: help demo test lint test-rust test-python test-torch soak fuzz bench clean

help:
	@echo "make demo    convert real photographs and texts, read them back, print a table, draw it"
	@echo "             (IMAGES=folder TEXTS=folder for your own)"
	@echo "make test    linters, the tests of the Rust crate, the tests of the Python package"
	@echo "make soak    faults and power losses at every file operation, in full, and its figures; then the same of Python"
	@echo "make fuzz    RUNS=1000000 of each fuzz target under AddressSanitizer; needs cargo install cargo-fuzz"
	@echo "make bench   measurements beside the original and its peers, into docs/benchmarks.md"
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

soak: $(VENV)/.installed $(ORIGINAL)/.installed
	@mkdir -p build
	SOAK=1 cargo test --release --lib commit:: -- --nocapture > build/soak.txt || (cat build/soak.txt; false)
	SOAK=1 $(BIN)/python -m pytest -q -rP | tee -a build/soak.txt
	@grep -E "points|states|test result|passed" build/soak.txt

# Sanitizers are for nightly toolchains; the variable lets a stable one have them.
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz:
	for target in parse open decompress; do cargo fuzz run $$target -- -runs=$(or $(RUNS),1000000) || exit 1; done

# Needs Debian's python3-torch, which brings NumPy 1.24: apt-get install python3-torch python3-pytest python3-tqdm
test-torch: $(VENV)/.tools
	rm -rf $(TORCH)
	$(BIN)/maturin build -q --release -o $(TORCH)/wheels
	$(BIN)/pip install -q --no-deps --target $(TORCH)/site $(TORCH)/wheels/mmap_ninja-*.whl
	PYTHONPATH=$(abspath $(TORCH)/site) $(TORCH_PYTHON) -m pytest -q -p no:cacheprovider tests/torch

# Measures everything beside the original and its peers; QUICK=1 with little data.
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

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
