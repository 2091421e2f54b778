# The verbs of this repository, and the only task runner. `make demo` and
# `make test` do all the set-up on a fresh machine.

PYTHON ?= python3
BIN := .venv/bin
RUST := $(shell find dissectors engine binding -name '*.rs' -not -path '*/target/*') \
        Cargo.toml Cargo.lock $(wildcard */Cargo.toml)
OTMON_CAPTURES ?= $(abspath ../shared/corpus)
LAB_DIR ?= $(abspath ../shared/lab)
export OTMON_CAPTURES

.PHONY: demo test lint golden docs pcaps soak soak-live lab-live bench bench-wire bench-state bench-elastic wheel ci clean

demo: .venv/built            ## otmon on the shipped plant capture
	@$(BIN)/otmon analyze pcaps/demo/plant.pcapng

test: .venv/built            ## every test: Rust, then Python
	cargo test --quiet
	$(BIN)/python -m pytest

lint: .venv/built            ## format, clippy, ruff, mypy, the stub of the boundary
	cargo fmt --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest otmon._engine

golden: .venv/built          ## write the golden files anew; read the diff as a user would
	OTMON_GOLDEN=write $(BIN)/python -m pytest tests/golden

docs: .venv/built            ## write the generated documents anew
	$(BIN)/python docs/generate.py

pcaps: .venv/built           ## make the shipped captures anew
	$(BIN)/python -m pcaps.make

soak: .venv/built            ## mutated traffic, captures and filters, for ten minutes
	OTMON_SOAK_SECONDS=100 cargo test --release --quiet -p engine --test soak --test formats \
	  -- --test-threads=1 --nocapture

soak-live: .venv/built       ## `otmon monitor` on a wire for half an hour, then a kill (root)
	$(BIN)/python tests/bench_live.py $(SOAK)

lab-live: .venv/built        ## `otmon monitor` on a plant of real stacks, learned and attacked (root)
	$(BIN)/python tests/bench_lab.py $(LAB_DIR)

bench: .venv/built           ## packets per second, as ratios to other tools in the same run
	cargo build --release --quiet -p engine --benches
	$(BIN)/python tests/bench.py $(BENCH)

bench-wire: .venv/built      ## whether a wire and a capture of it give the same (root)
	$(BIN)/python tests/bench_wire.py $(WIRE)

bench-state: .venv/built     ## seconds, memory and disk of the state of a large site
	$(BIN)/python tests/bench_state.py

bench-elastic: .venv/built   ## documents a second to a real Elasticsearch; a million that wait
	PYTHONPATH=tests $(BIN)/python tests/bench_elastic.py 30000
	PYTHONPATH=tests $(BIN)/python tests/bench_elastic.py --pending 1000000

wheel: .venv/built           ## build the wheel, install it afresh, run the demo from it
	rm -rf dist target/wheel-venv
	$(BIN)/maturin build --release --quiet --out dist
	$(PYTHON) -m venv target/wheel-venv
	target/wheel-venv/bin/pip install --quiet dist/*.whl
	cd target && wheel-venv/bin/otmon analyze ../pcaps/demo/plant.pcapng > /dev/null

ci: export OTMON_REQUIRE_TSHARK := 1
ci: export OTMON_REQUIRE_CAPTURES := 1
ci: export OTMON_REQUIRE_NETNS := 1
ci: export OTMON_REQUIRE_STRACE := 1
ci: export OTMON_REQUIRE_ES := 1
ci: export OTMON_REQUIRE_GO := 1
ci: lint test wheel          ## all that a submission must pass
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pcaps.make --check

clean:                       ## remove what was built, the environment too
	rm -rf .venv target dist otmon/bundled otmon/*.so
	find . -name __pycache__ -prune -exec rm -rf {} +

# One rule does the set-up; every verb depends on it.
.venv/built: pyproject.toml $(RUST) | prerequisites
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: prerequisites
prerequisites:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "otmon needs Python 3.11 or newer. Install it, or name it: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "otmon needs Python's venv. On Debian: apt-get install python3-venv"; exit 1; }
	@command -v cargo >/dev/null \
	  || { echo "otmon needs Rust 1.95 or newer with cargo. See https://rustup.rs or your distribution."; exit 1; }
	@v=$$(rustc --version | cut -d' ' -f2); \
	  printf '1.95.0\n%s\n' "$$v" | sort -V -C \
	  || { echo "otmon needs Rust 1.95 or newer; this is $$v. Update it: rustup update"; exit 1; }
	@command -v cc >/dev/null \
	  || { echo "otmon needs a C compiler to link. On Debian: apt-get install gcc libc6-dev"; exit 1; }
