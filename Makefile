# make demo   set up, train two small models, evaluate them and write runs/demo/report.html
# make test   set up, run every check
PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
BIN = .venv/bin

.PHONY: demo test lint types tests clean

demo: .venv/.ok
	rm -rf runs/demo
	$(BIN)/infot train ring8 --run runs/demo/ring8
	$(BIN)/infot train mnist5k --run runs/demo/mnist5k
	$(BIN)/infot report runs/demo/ring8 runs/demo/mnist5k --out runs/demo/report.html

test: lint types tests

lint: .venv/.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ok
	$(BIN)/pyright

# One thread a process: two processes on two cores are faster than threads that wait for each other.
tests: .venv/.ok
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -q

clean:
	rm -rf .venv runs

.venv/.ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(CONSTRAINTS) --editable ".[dev]"
	touch $@
