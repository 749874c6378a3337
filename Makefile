# make demo         predict where people look in examples/
# make test         lint and the test suite;  make test-slow: the tests that it skips
# make test-ranks   slow tests on a CPU: two ranks, a killed run, and the scripts for clusters
# make test-docs    slow tests: every block of README.md and docs/ that needs neither network nor device
# make reliability  damaged and hostile files, row by row (a quarter of an hour); writes docs/reliability.md
# make equal-bits   tiny runs of all tasks, compared bit for bit with those of an earlier commit (a quarter of an hour)
# CI runs .ci/run: test, test-ranks, test-docs and demo.
# Each target creates .venv and installs the requirements if they are missing.
# make PYTHON=/path/to/python demo   selects the Python for .venv.

VENV := .venv
BIN := $(VENV)/bin
OUT := demo_out

# MindSpore 2.9 has builds for these; a candidate must also be able to create a virtual environment.
SUITS := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.11 python3.12 python3.10)

.PHONY: demo test test-slow test-ranks test-docs reliability equal-bits clean

demo: $(VENV)/.installed
	$(BIN)/mindaam predict examples -o $(OUT)
	@echo "The results are in $(abspath $(OUT)): open the files that end in .overlay.jpg or .overlay.mp4"

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

test-ranks: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow tests/training/test_two_ranks.py tests/training/test_survive.py \
	    tests/training/test_repeatable.py tests/ascend_scripts \
	    --deselect tests/training/test_survive.py::test_steps_51_to_100_after_a_kill

test-docs: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow tests/docs

reliability: $(VENV)/.installed-test
	$(BIN)/python -m tests.reliability

equal-bits: $(VENV)/.installed-test
	$(BIN)/python -m tests.equal_bits

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info

$(BIN)/pip:
	@for python in $(CANDIDATES); do \
	    if "$$python" -c "$(SUITS)" 2>/dev/null; then \
	        echo "creating $(VENV) with $$("$$python" --version)"; \
	        exec "$$python" -m venv $(VENV); \
	    fi; \
	done; \
	echo "MindAAM needs Python 3.10, 3.11 or 3.12 with its venv module (python3-venv on Debian); none was found" \
	     "among $(CANDIDATES). Install one, or set its path: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; \
	exit 1

# The stamps prevent a second installation; a changed setup.py triggers one.
$(VENV)/.installed: setup.py pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV): about 3 GB, a few minutes the first time"
	$(BIN)/python -m pip install -e .
	@touch $@

$(VENV)/.installed-test: setup.py pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV): about 3 GB, a few minutes the first time"
	$(BIN)/python -m pip install -e ".[test]"
	@touch $@ $(VENV)/.installed
