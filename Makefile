# Every command that the README or a page in docs/ names.
#
#   make demo    the whole chain on real parts, from a fresh Debian machine to `login:`
#   make test    unit, namespace and VM tests, from the same fresh machine
#   make check   lint, types and unit tests, in under a minute
#   make bench   measurements side by side with the real peers

SHELL := /bin/bash
PYTHON ?= /usr/bin/python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := build/stamp

.DELETE_ON_ERROR:
.PHONY: setup venv check lint types unit ns vm test demo bench clean

# ---- set-up -----------------------------------------------------------------

$(STAMP)/host: scripts/setup-host
	scripts/setup-host
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/venv: pyproject.toml setup.py prepare_root/sys/bootsys.c $(STAMP)/host
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip setuptools wheel
	$(PY) -m pip install --quiet --editable '.[dev]'
	@mkdir -p $(STAMP) && touch $@

setup venv: $(STAMP)/venv

# ---- quick checks -----------------------------------------------------------

lint: $(STAMP)/venv
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	shellcheck .ci/run scripts/* dracut-module/*/*.sh

types: $(STAMP)/venv
	$(VENV)/bin/mypy

unit: $(STAMP)/venv
	$(PY) -m pytest -q -n 2 tests/unit

check: lint types unit

clean:
	rm -rf build dist *.egg-info
