# make demo   the main job from end to end: generate a marked clip, attack it, verify what is left
# make test   lint, types, tests
# make lint   ruff and mypy alone
# make setup  the environment alone, in .venv (the other targets make it when it is missing)
# make peers  the watermarks of others that ltx-bench compares with, into .venv (setup does it too)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup peers demo test lint clean

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# The torch that the tests run with. Pinned, because an unpinned torch can bring gigabytes of CUDA.
TORCH := torch==2.13.0

# Watermarks of others, and what they import. Of a fixed version, because a bench compares with what it
# compared with before; without their dependencies, because those bring a second OpenCV, which
# overwrites the first, and half a gigabyte that nothing here imports.
PEERS := invisible-watermark==0.2.0 blind-watermark==0.4.4 resemble-perth==1.0.1
PEERS_IMPORT := onnxruntime pywavelets pyyaml

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(READY)

peers: $(READY)
	@$(BIN)/python -m pip install --quiet --no-deps $(PEERS)
	@$(BIN)/python -m pip install --quiet $(PEERS_IMPORT)

demo: $(READY)
	@$(BIN)/python -m attacks.demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest

# The stamp file makes every later run instant; a changed pyproject.toml or Makefile renews it.
$(READY): pyproject.toml Makefile
	@if ! command -v $(PYTHON) >/dev/null || ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'setup: installing python3 and python3-venv' >&2; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv; \
	  else \
	    echo 'setup: Python with venv is missing. As root: apt-get install python3 python3-venv' >&2; exit 1; \
	  fi; \
	fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "setup: Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@echo 'setup: installing into .venv (a few minutes the first time)' >&2
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
# Where an NVIDIA driver answers, the dependencies bring the build of torch that fits the index in use.
	@if ! { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }; then \
	  $(BIN)/python -m pip install --quiet '$(TORCH)'; \
	fi
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@$(BIN)/python -m pip install --quiet --no-deps $(PEERS)
# Tests of stores and jobs start a Postgres of their own; without it those fail and say so.
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'setup: installing postgresql for the tests' >&2; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; \
	  else \
	    echo 'setup: no Postgres: its tests will fail. As root: apt-get install postgresql' >&2; \
	  fi; \
	fi
# What else tests run: a hardware module, a browser, a voice, and what the recipes of examples/ are written for.
# Without one of them its tests fail, and say so.
	@for need in softhsm2-util:softhsm2 chromium:chromium node:nodejs curl:curl espeak-ng:espeak-ng; do \
	  if ! command -v "$${need%%:*}" >/dev/null; then \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	      echo "setup: installing $${need##*:} for the tests" >&2; \
	      apt-get update -qq && apt-get install -y -qq --no-install-recommends "$${need##*:}"; \
	    else \
	      echo "setup: no $${need%%:*}: its tests will fail. As root: apt-get install $${need##*:}" >&2; \
	    fi; \
	  fi; \
	done
	@touch $@

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
