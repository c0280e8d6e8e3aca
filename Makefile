# Every target does all the set-up it needs. Plain Make 3.81 and sh: no nproc, timeout or GNU 4 features.
#
#   make demo       train a plain VAE and an AutoGen model on WordNet, judge them, write report.html
#   make test       format, lint, import direction, types, and the tests that take seconds
#   make test-all   the same with the slow tests
#   make bench      every benchmark, a JSON line each
#   make kernels    Triton, whose interpreter tests the CUDA kernels on a CPU; part of `make test`
#   make setup      only .venv and the WordNet database (PYTHON=..., TORCH_INDEX=... as in tools/setup.sh)
#   make format     rewrite the code as ruff wants it
#   make clean      delete caches; `make distclean` deletes .venv as well

SHELL = /bin/sh
BIN = .venv/bin
PYTHON ?=
TORCH_INDEX ?=
WORKERS ?= 2
ARGS =
BENCHMARKS = train_sentence_vae importance_sampling beam_search scaling prepare hmm_em pcfg_inside dependency
# What only some benchmarks measure when asked: held-out ELBO in both precisions, memory at ten times the lines,
# the cost of a word in corpora of three sizes.
BENCH_train_sentence_vae = --elbo --kept
BENCH_importance_sampling = --kept
BENCH_prepare = --large
BENCH_hmm_em = --scaling

# Each test process has one thread: WORKERS processes of many threads would fight for the cores.
# pyproject.toml makes pytest terse for people; here its closing line is written out for machines.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --verbosity=0 -n $(WORKERS) --dist worksteal --durations=10

.PHONY: setup kernels demo test test-all lint format bench clean distclean

setup:
	@PYTHON='$(PYTHON)' TORCH_INDEX='$(TORCH_INDEX)' sh tools/setup.sh
	@sh tools/wordnet.sh

demo: setup
	$(BIN)/undersong demo $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The compiler of the CUDA kernels, whose interpreter the tests run on a CPU; torch's CUDA builds bring it along.
kernels: setup
	@[ "$$(uname -s)" != Linux ] || $(BIN)/python -c 'import triton' 2>/dev/null || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt triton || \
	echo 'make: no triton for this machine; the tests of the CUDA kernels are skipped'

test: lint kernels
	$(PYTEST) -m 'not slow' $(ARGS)

test-all: lint kernels
	$(PYTEST) $(ARGS)

bench: setup
	@failed=0; $(foreach name,$(BENCHMARKS),$(BIN)/python -m benchmarks.$(name) $(BENCH_$(name)) --json || failed=1;) \
	exit $$failed

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
