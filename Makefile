# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
# They work as root on Debian 12 and 13 from a fresh checkout.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Debian's own Python: the processes of `make run` give up root and must be able to reach it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

$(VENV)/.installed: setup.py pyproject.toml tools/install_system_packages
	@tools/install_system_packages build
	@echo "Installing the Python packages …"
	@test "$$(readlink -f $(BIN)/python)" = "$$(readlink -f "$$(command -v $(PYTHON))")" || rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 -e '.[dev]'
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## the Python environment of this checkout

.PHONY: root
root: venv ## the Debian 14 root with Asterisk 22 (shared by all checkouts)
	@tools/install_system_packages root
	@$(BIN)/python -m tools.debian_root

.PHONY: run
run: venv ## start the whole system (WEB_PORT=… SIP_PORT=… to change ports; DEMO=1: a sample company)
	@tools/install_system_packages root
	@tools/install_system_packages run
	@$(BIN)/python -m tools.checkout run

.PHONY: stop
stop: ## end what `make run` has started, and nothing else
	@test ! -d .run || $(BIN)/python -m tools.checkout stop

.PHONY: status
status: ## how the processes of `make run` are
	@$(BIN)/python -m tools.checkout status

$(VENV)/.image: $(VENV)/.installed
	@tools/install_system_packages image
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 -e '.[dev,image]'
	@touch $@

.PHONY: builder
builder: $(VENV)/.image ## what building images needs, ansible among it

.PHONY: image
image: builder ## disk images for KVM, clouds and dd (qcow2, raw), in dist/
	@$(BIN)/python -m tools.image image

.PHONY: ova
ova: builder ## the virtual machine for VMware (OVA, VMDK), in dist/
	@$(BIN)/python -m tools.image ova

.PHONY: iso
iso: builder ## the installer for CD and USB stick, in dist/
	@$(BIN)/python -m tools.image iso

.PHONY: update
update: builder ## a signed update for machines that run an older version, in dist/
	@$(BIN)/python -m tools.image update

.PHONY: router
router: builder ## the branch router's disk images and update, in dist/
	@$(BIN)/python -m tools.image router

.PHONY: images
images: builder ## all of these from one root file system
	@$(BIN)/python -m tools.image image ova iso update

.PHONY: packages
packages: builder ## ask the mirror for new Debian packages; images use what was fetched last
	@$(BIN)/python -m tools.image packages

.PHONY: wheels
wheels: builder ## our code and vendored libraries, for ansible-playbook site.yml
	@$(BIN)/python -m tools.image wheels

.PHONY: preview
preview: venv ## the portal with a sample company and a pretend engine, without root or Asterisk
	@$(BIN)/python -m portal.preview

.PHONY: lint
lint: venv ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: check
check: venv ## quick: everything that needs neither Asterisk nor a browser
	@tools/install_system_packages check
	@$(BIN)/python -m tools.stages check

.PHONY: test
test: builder root ## everything, stage by stage (STAGES="calls shadow" for some)
	@tools/install_system_packages test
	@$(BIN)/python -m tools.stages $(STAGES)

.PHONY: shadow
shadow: venv root ## tests of the engine with a shadow Asterisk
	@$(BIN)/python -m tools.stages shadow

.PHONY: calls
calls: venv root ## tests with real calls
	@tools/install_system_packages test
	@$(BIN)/python -m tools.stages calls

.PHONY: golden
golden: venv ## whole generated files; UPDATE=1 accepts what comes out now and shows the difference
	@$(if $(UPDATE),GOLDEN_UPDATE=1) $(BIN)/pytest -q $(if $(UPDATE),-s) tests/golden

.PHONY: bench
bench: venv root ## measurements, each beside a baseline of the same run (ONE=live for one)
	@$(BIN)/python -m tools.benches $(ONE)

.PHONY: screenshots
screenshots: venv ## the pictures of the README, made by a real browser
	@tools/install_system_packages test
	@$(BIN)/python -m tests.web.screenshots

.PHONY: rows
rows: venv ## write docs/features.md: every feature and the tests that show it
	@$(BIN)/python -m tools.rows
