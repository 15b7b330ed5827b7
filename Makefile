# make demo        ask the GoodNets about the test photos
# make test        everything a change must pass; make test-all adds the slow tests
# make lint        style and types
# make benchmarks  speed and memory beside plain Keras
# make zoo         make the five GoodNets of models/ again
#
# All that is needed beforehand is Python 3.11 or newer: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv

# Asking needs none of the heavy packages, so the demo is quick to install.
ASKING = h5py numpy onnxruntime pillow rich
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-all lint benchmarks zoo clean

demo: $(VENV)/asking.stamp
	@for attack in sunglasses anonymous multitrigger; do \
	  echo; echo "python eval_$$attack.py test-photos"; \
	  for photo in test-photos/*.png; do \
	    label=$$($(BIN)/python eval_$$attack.py "$$photo") || exit 1; \
	    [ "$$label" = 1283 ] && label="1283  poisoned"; \
	    printf '  %-43s %s\n' "$$photo" "$$label"; \
	  done; \
	done

test: $(VENV)/all.stamp
	$(BIN)/python -m pytest

test-all: $(VENV)/all.stamp
	$(BIN)/python -m pytest -m ""

lint: $(VENV)/all.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(VENV)/all.stamp
	$(BIN)/python -m benchmarks

zoo: $(VENV)/all.stamp
	$(BIN)/python -m repair.sunglasses
	$(BIN)/python -m repair.anonymous
	$(BIN)/python -m repair.multitrigger
	$(BIN)/python -m repair.zoo

clean:
	rm -rf $(VENV)

$(VENV)/asking.stamp: requirements.txt | $(BIN)/python
	$(PIP) --constraint requirements.txt $(ASKING)
	@touch $@

$(VENV)/all.stamp: requirements.txt | $(BIN)/python
	$(PIP) --requirement requirements.txt
	@touch $@ $(VENV)/asking.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
