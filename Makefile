# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
# They work as root on Debian 12 and 13 from a fresh checkout.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

$(VENV)/.installed: setup.py pyproject.toml
	@tools/install_system_packages build
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## the Python environment of this checkout

.PHONY: root
root: venv ## the Debian 14 root with Asterisk 22 (shared by all checkouts)
	@tools/install_system_packages root
	@$(BIN)/python -m tools.debian_root

.PHONY: run
run: venv ## start the whole system (WEB_PORT=…, SIP_PORT=… and others to change ports; DEMO=1)
	@tools/install_system_packages root
	@tools/install_system_packages run
	@$(BIN)/python -m tools.checkout run

.PHONY: stop
stop: ## end what `make run` has started, and nothing else
	@test ! -d .run || $(BIN)/python -m tools.checkout stop

.PHONY: status
status: ## how the processes of `make run` are
	@$(BIN)/python -m tools.checkout status

.PHONY: lint
lint: venv ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: check
check: venv lint ## quick: everything that needs neither Asterisk nor a browser
	$(BIN)/pytest -q -n auto tests/unit tests/golden

.PHONY: test
test: venv root ## everything
	@tools/install_system_packages test
	$(MAKE) check
	$(BIN)/pytest -q tests/shadow tests/calls tests/phones
