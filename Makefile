PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: venv demo test lint format bench fuzz tiny-models clean

venv: $(STAMP)

# Installed anew only when what it is made from has changed.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "chatdesc needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

demo: venv
	$(BIN)/chatdesc demo

test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Faults and hostile input, for many minutes: the table of docs/reliability.md. One row: `python -m tests.fuzz --only kills`.
fuzz: venv
	$(BIN)/python -m tests.fuzz

bench: venv
	@set -e; for script in benchmarks/*.py; do \
		grep -q __main__ "$$script" || continue; echo "== $$script"; $(BIN)/python "$$script"; done

# The models in chatdesc/tiny, trained anew: two at a time, one thread each; goes on where it was stopped.
tiny-models: venv
	$(MAKE) -j2 tiny-grounder tiny-vlm tiny-clip

tiny-%: venv
	OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 $(BIN)/python training/$*.py

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# The site, in site/; reads nothing from other hosts.
.PHONY: docs
docs: venv
	$(BIN)/python docs/tools/reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
