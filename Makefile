# What can a person do here? `make help` lists it. Nothing needs root, an account or a board.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PYTEST ?= $(BIN)/pytest
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 5 )))
SAYING := $(BIN)/python -m tools.toolchain.progress
unexport PYTHONDONTWRITEBYTECODE  # compiling the tools anew takes a third of a command's time

.PHONY: help setup demo broker firmware test test-quick proof coverage mutants audit docs lint format lock clean package

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed-dev ## Install everything into .venv and .cache (the first run downloads)
	@$(BIN)/python -m tools.toolchain --all

demo: .venv/.installed ## A broker, four clouds and a board on this machine: watch reports arrive
	@$(BIN)/python -m tools.toolchain
	@$(BIN)/signet demo

broker: .venv/.installed ## A plain mosquitto for a board: watch what arrives (the first run downloads)
	@$(BIN)/python -m tools.toolchain
	@$(BIN)/signet broker

firmware: .venv/.installed ## MicroPython with signet in it, for a Cortex-M3 in QEMU
	@$(BIN)/python -m tools.toolchain
	@$(BIN)/python -m tools.firmware

# Most of a test's time is waiting for a board or a cloud: more workers than cores.
BEGAN := $(shell date +%s)
RUN_TESTS = SIGNET_BEGAN=$(BEGAN) $(PYTEST) -n $(WORKERS)
END_TO_END = host_tests/device/test_end_to_end.py
LINES = .cache/tests/lines
ONE_WAY_IN = $(END_TO_END)::test_reports_are_stored_and_a_command_is_obeyed[alibaba-mqtts]

test: setup lint ## Lint, then every test at a depth that a person waits for
	@[ ! -e .cache/firmware/image.elf ] || $(BIN)/python -m tools.firmware --if-possible
	@SIGNET_DEPTH=test $(RUN_TESTS)

test-quick: setup lint ## Lint, every portable file on two interpreters, one way in end to end
	@SIGNET_DEPTH=quick $(RUN_TESTS) --interpreter cpython --interpreter i386 \
	  "$(ONE_WAY_IN)" host_tests/portable

proof: setup lint ## What a release needs: everything at full depth, the audit, and the mutants
	@$(BIN)/python -m tools.toolchain.proof
	@$(BIN)/python -m tools.firmware --if-possible
	@$(BIN)/python -m tools.firmware.interpreters
	@rm -rf $(LINES)
	@SIGNET_DEPTH=proof $(RUN_TESTS) --maxfail 60
	@$(BIN)/python -m host_tests.coverage
	@$(MAKE) --no-print-directory audit mutants

coverage: setup ## Which lines of lib/signet does no portable test run?
	@$(BIN)/python -m tools.firmware.interpreters
	@rm -rf $(LINES)
	@SIGNET_DEPTH=proof $(RUN_TESTS) -q --interpreter float32 host_tests/portable; \
	  status=$$?; $(BIN)/python -m host_tests.coverage; exit $$status

mutants: setup ## Break lib/signet in many ways, one by one: a test must notice each
	@$(BIN)/python -m host_tests.mutants

audit: setup ## Hold the clouds and a board against their documents, sentence by sentence
	@$(BIN)/python -m host_tests.audit

docs: setup ## A site of all pages and the API in build/docs, and do their commands run?
	@$(BIN)/python -m tools.docs

lint: .venv/.installed-dev ## Check format, lint and types
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(SAYING) "types of tools" $(BIN)/mypy
	@$(SAYING) "types of stubs" $(BIN)/mypy --config-file stubs/mypy.ini
	@$(SAYING) "types of what runs on a board" $(BIN)/basedpyright

format: .venv/.installed-dev ## Format and mend what can be mended by machine
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

package: .venv/.installed ## Write what mip installs: build/index (URL=... where it will be shown)
	@$(BIN)/python -m tools.toolchain
	@$(BIN)/python -m tools.packages $(URL)

lock: .venv/.installed ## Pin the newest Python packages by hash (for maintainers)
	@$(BIN)/python -m tools.toolchain.lock

clean: ## Remove everything installed, built or downloaded
	rm -rf .venv .cache build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.lock
.venv/.installed-dev: requirements.lock requirements-dev.lock
.venv/.installed .venv/.installed-dev: pyproject.toml tools/toolchain/venv.py
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python -m tools.toolchain.venv $@ $^; \
	  fi; \
	done; \
	echo "signet: no Python 3.11 or newer on PATH; install one (Debian, Ubuntu: apt install python3)" >&2; \
	exit 2
