# Every entry point a person or CI needs. The work is done in scripts/; nothing here depends on the current directory.
ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
BIN := $(ROOT)/.venv/bin
SCRIPTS := $(ROOT)/scripts

.PHONY: help install dev run test test-clients test-site bench lock docs clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' "$(ROOT)/Makefile" | while IFS='|' read -r name what; do printf '  make %-13s %s\n' "$$name" "$$what"; done

install:  ## Make .venv and install Wideband with its locked dependencies
	@"$(SCRIPTS)/install"

dev:  ## The same, with what the tests need
	@"$(SCRIPTS)/install" --dev

run: install  ## Start the exchange; pass options as ARGS="--port 8080"
	@exec "$(BIN)/wideband" serve $(ARGS)

test: dev  ## Check format, lint, types, layering and spelling, then run the tests
	@"$(SCRIPTS)/check"

test-clients: dev  ## Run coding agents and libraries through a real exchange; WIDEBAND_CLIENTS="codex aider" chooses
	@cd "$(ROOT)" && "$(BIN)/python" scripts/clients.py && exec "$(BIN)/pytest" tests/clients $(ARGS)

test-site: dev  ## Look at every page of the site in a real browser; ARGS="-k home"
	@cd "$(ROOT)" && exec "$(BIN)/python" -m scripts.browser $(ARGS)

bench: dev  ## Measure this machine's gateway against its targets; ARGS="--quick", ARGS="--peer nginx"
	@cd "$(ROOT)" && exec "$(BIN)/python" -m bench $(ARGS)

docs: dev  ## Write the generated pages under docs/reference anew
	@cd "$(ROOT)" && "$(BIN)/python" scripts/reference.py

bench-analytics: dev  ## Measure the site over ten million records; ARGS="--home PATH", ARGS="--records 1000000"
	@cd "$(ROOT)" && exec "$(BIN)/python" -m bench.analytics $(ARGS)

lock: dev  ## Write the lock files anew from pyproject.toml
	@"$(SCRIPTS)/lock"

clean:  ## Remove .venv, caches and build output; leaves your data alone
	@cd "$(ROOT)" && rm -rf .venv .bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  && find . -name __pycache__ -type d -prune -exec rm -rf {} +
