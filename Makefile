# `make demo` shows the library at work; `make test` checks it. Both set up what they need in .venv and build/.

PYTHON ?= python3
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# On Windows, pip.exe cannot replace itself.
PIP := $(BIN)/python -m pip
ORIGINAL := build/original
ORIGINAL_TESTS := build/original-tests
TORCH := build/torch
RAY := build/ray
TORCH_NEWEST := build/torch-newest
WHEEL := build/wheel
SYSTEM_PYTHON ?= /usr/bin/python3
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
SOURCES := Cargo.toml pyproject.toml $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi')

.PHONY: help demo test lint lint-rust lint-python lint-workflows test-rust test-python test-reliability test-portable test-torch test-torch-newest test-ray soak fuzz coverage bench docs
.PHONY: wheel sdist test-wheel test-sdist package test-msrv version clean

help:
	@echo "make demo    convert real photographs and texts, read them back, print a table, draw it"
	@echo "             (IMAGES=folder TEXTS=folder for your own)"
	@echo "make test    linters, the tests of the Rust crate, the tests of the Python package"
	@echo "make lint    linters, types and the crate's documentation"
	@echo "make wheel   a manylinux wheel and the sdist into dist/, checked; make test-wheel test-sdist tries them"
	@echo "make package the crate as cargo would publish it, built without Python"
	@echo "make soak    the tests of reliability in full; hours"
	@echo "make fuzz    RUNS=1000000 of each fuzz target under AddressSanitizer; needs cargo install cargo-fuzz"
	@echo "make coverage  the branches of the core that tests take; needs nightly and cargo install cargo-llvm-cov"
	@echo "make bench   measurements beside the original and its peers, into docs/benchmarks.md"
	@echo "make docs    the pages, into build/docs, and their examples"
	@echo "make test-torch   the tests with PyTorch, by the system's Python; make test-torch-newest, with the newest one of 3 GB"
	@echo "make test-ray     the tests with Ray from PyPI, on this machine and on a cluster of two nodes"

demo: $(VENV)/.installed
	$(PIP) install -q --group demo
	$(BIN)/python examples/demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(TEXTS),--texts "$(TEXTS)")

# Every target has work for one core alone most of the time, and some wait for others' processes. All that compiles for
# tests waits for what compiles for linters.
test:
	$(MAKE) -j2 --output-sync=target lint
	$(MAKE) -j3 --output-sync=target test-rust test-python test-reliability

lint: lint-rust lint-python lint-workflows

lint-rust: $(VENV)/.tools
	cargo fmt --check
	cargo clippy -q --all-targets -- -D warnings
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy -q --all-targets --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps

lint-python: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest mmap_ninja._core

lint-workflows: $(VENV)/.tools
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor -q --offline .github/workflows

# The bindings are checked by clippy and tested by the package's tests.
test-rust:
	cargo test -q

test-python: $(VENV)/.installed $(ORIGINAL)/.installed $(ORIGINAL_TESTS)/.extracted
	$(BIN)/python -m pytest -q --ignore=tests/python/reliability
	$(BIN)/python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir $(ORIGINAL_TESTS) $(ORIGINAL_TESTS)/tests

# Kills, hostile directories, failing calls, crowds: a share of what `make soak` runs in full.
test-reliability: $(VENV)/.installed $(ORIGINAL)/.installed
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/python/reliability

# What there is of the tests where the system is not a Unix.
test-portable: $(VENV)/.installed
	cargo test -q --test model
	cargo test -q --doc
	$(BIN)/python -m pytest -q tests/python/test_documentation.py

soak: $(VENV)/.installed $(ORIGINAL)/.installed
	@mkdir -p build
	SOAK=1 cargo test --release --lib -- --nocapture > build/soak.txt || (cat build/soak.txt; false)
	SOAK=1 $(BIN)/python -m pytest -q -rP tests/python/reliability >> build/soak.txt || (cat build/soak.txt; false)
	@grep -E "points|states|test result|passed" build/soak.txt

# Sanitizers are for nightly toolchains; the variable lets a stable one have them.
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz:
	for target in parse open decompress; do cargo fuzz run $$target -- -runs=$(or $(RUNS),1000000) || exit 1; done

# Which branches of the core the tests take, those of the package included. Nightly alone tells of branches; it needs
# llvm-tools, and cargo install cargo-llvm-cov.
coverage: export RUSTUP_TOOLCHAIN = nightly
coverage: $(VENV)/.tools $(ORIGINAL)/.installed
	rm -f $(VENV)/.installed
	eval "$$(cargo llvm-cov show-env --sh --branch)" && cargo llvm-cov clean --workspace \
		&& cargo test -q --lib --tests && $(BIN)/maturin develop -q --profile dev && $(BIN)/python -m pytest -q \
		&& cargo llvm-cov report --branch --failure-mode all

# Needs Debian's python3-torch, which brings NumPy 1.24: apt-get install python3-torch python3-pytest python3-tqdm
test-torch: $(VENV)/.tools
	rm -rf $(TORCH)
	$(BIN)/maturin build -q --release -o $(TORCH)/wheels
	$(PIP) install -q --no-deps --target $(TORCH)/site $(TORCH)/wheels/mmap_ninja-*.whl
	PYTHONPATH=$(abspath $(TORCH)/site) $(SYSTEM_PYTHON) -m pytest -q -p no:cacheprovider tests/torch

# In an environment of its own, since Ray is large. It starts servers that listen on this machine alone.
test-ray: $(VENV)/.tools
	$(PYTHON) -m venv $(RAY)
	$(BIN)/maturin build -q --release -o $(RAY)/wheels
	$(RAY)/$(SCRIPTS)/python -m pip install -q --force-reinstall --no-deps $(RAY)/wheels/mmap_ninja-*.whl
	$(RAY)/$(SCRIPTS)/python -m pip install -q "$$(ls $(RAY)/wheels/mmap_ninja-*.whl)[ray]" hypothesis pytest
	$(RAY)/$(SCRIPTS)/python -m pytest -q -p no:cacheprovider tests/ray

# The tests with the newest PyTorch, in an environment of its own of 3 GB, which `make bench` uses as well.
test-torch-newest: $(TORCH_NEWEST)/.installed
	$(BIN)/maturin build -q --release -o $(TORCH_NEWEST)/wheels
	$(PIP) --python $(TORCH_NEWEST) install -q --no-deps --force-reinstall $(TORCH_NEWEST)/wheels/mmap_ninja-*.whl
	$(TORCH_NEWEST)/$(SCRIPTS)/python -m pytest -q -p no:cacheprovider tests/torch

$(TORCH_NEWEST)/.installed: $(VENV)/.tools
	$(PYTHON) -m venv $(TORCH_NEWEST)
	$(PIP) --python $(TORCH_NEWEST) install -q --group torch
	@touch $@

# One wheel for every Python from 3.10 on, for Linux with glibc 2.17 or later; zig is the linker that makes it so.
wheel: $(VENV)/.tools sdist
	$(PIP) install -q --group wheel
	rm -f dist/*.whl
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build -q --release --zig --compatibility manylinux2014 -o dist
	$(BIN)/auditwheel show dist/*.whl
	$(BIN)/abi3audit --strict --summary dist/*.whl
	find dist -name '*.whl' -size -2048k | grep .

sdist: $(VENV)/.tools
	rm -f dist/*.tar.gz
	$(BIN)/maturin sdist -o dist

# The wheel of `make wheel`, installed alone, then tested: with the newest NumPy, with the oldest, and by the system's
# Python with the packages of the distribution.
test-wheel: test-wheel-newest test-wheel-oldest test-wheel-system

test-wheel-newest: wheel_numpy := numpy
test-wheel-oldest: wheel_numpy := numpy==1.24.*
test-wheel-system: wheel_python := $(SYSTEM_PYTHON)
test-wheel-system: wheel_options := --system-site-packages
test-wheel-%: wheel_python = $(BIN)/python
test-wheel-%: $(VENV)/.tools $(ORIGINAL)/.installed
	rm -rf $(WHEEL)/$*
	$(wheel_python) -m venv --without-pip $(wheel_options) $(WHEEL)/$*
	$(PIP) --python $(WHEEL)/$* install -q dist/*.whl $(wheel_numpy)
	$(WHEEL)/$*/bin/python -c "import mmap_ninja, numpy; print(mmap_ninja.__file__, numpy.__version__)"
	$(PIP) --python $(WHEEL)/$* install -q --group test $(wheel_numpy)
	$(WHEEL)/$*/bin/python -m pytest -q -p no:cacheprovider

# What the sdist makes must be what the clone makes.
test-sdist: $(VENV)/.tools
	rm -rf $(WHEEL)/sdist
	$(PIP) wheel -q --no-deps -w $(WHEEL)/sdist dist/*.tar.gz

package:
	cargo package --allow-dirty

# With the oldest Rust that Cargo.toml promises.
test-msrv:
	rustup toolchain install --profile minimal $(MSRV)
	cargo +$(MSRV) test -q
	cargo +$(MSRV) check -q --all-targets --features python

version:
	@cargo pkgid | sed 's/.*[@#]//'

# Measures everything beside the original and its peers; QUICK=1 with little data.
bench: $(VENV)/.installed
	$(PIP) install -q --group demo
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

# Warnings are errors. The examples run here with all that they need but TensorFlow and PyTorch.
docs: $(VENV)/.installed
	$(PIP) install -q --group docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs
	$(BIN)/python -m pytest -q tests/python/test_documentation.py

# The environment with the tools and the tests' packages.
$(VENV)/.tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade pip
	$(PIP) install -q --group dev
	@touch $@

# The library, built for release and installed in that environment.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	$(PIP) install -q numpy tqdm
	$(BIN)/maturin develop -q --release
	@touch $@

# The original, for the tests that compare with it. Its import name is the same, so it lives by itself.
$(ORIGINAL)/.installed:
	$(PYTHON) -m venv $(ORIGINAL)
	$(ORIGINAL)/$(SCRIPTS)/python -m pip install -q mmap_ninja==0.9.0 zstandard ml_dtypes
	@touch $@

# Its own tests, as they come with its sources. They run unchanged on this library.
$(ORIGINAL_TESTS)/.extracted: $(VENV)/.tools
	rm -rf $(ORIGINAL_TESTS)
	$(PIP) download -q --no-deps --no-binary :all: -d $(ORIGINAL_TESTS) mmap_ninja==0.9.0
	tar -xzf $(ORIGINAL_TESTS)/mmap_ninja-0.9.0.tar.gz -C $(ORIGINAL_TESTS) --strip-components=1
	@touch $@

clean:
	rm -rf $(VENV) build dist target
