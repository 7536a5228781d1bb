# Everything a contributor runs. Longer logic lives in tools/ and tests/run.ts.
SHELL := /bin/sh
BUN := node_modules/.bin/bun
DENO := node_modules/.bin/deno
# npm itself writes this file last, so it marks a finished install and goes away with node_modules.
INSTALLED := node_modules/.package-lock.json
SOURCES := $(wildcard cli.ts) $(shell find commands core completions -type f 2>/dev/null)
INPUTS := $(SOURCES) package.json deno.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup build demo build-deno release test conformance fmt golden bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## Install the packages of the lock file

$(INSTALLED): package-lock.json
	@tools/setup.sh
	@touch $@

build: dist/regctl ## Compile dist/regctl, one standalone file, with Bun

dist/regctl: $(INPUTS) tools/build.ts $(INSTALLED)
	@$(BUN) tools/build.ts $@ && echo "built $@"

demo: build ## Build, then show the program at work on a registry of its own
	@$(DENO) run -A tools/demo.ts dist/regctl

build-deno: dist/regctl-deno ## Compile dist/regctl-deno with Deno

dist/regctl-deno: $(INPUTS) tools/build_deno.ts $(INSTALLED)
	@$(DENO) run -A tools/build_deno.ts $@

release: $(INSTALLED) ## Compile dist/release for every platform, with SHA256SUMS
	@$(DENO) run -A tools/release.ts

test: setup build ## Check format, lint and types, then run every test suite
	@$(DENO) run -A tests/run.ts $(ARGS)

conformance: build ## Run the OCI conformance suite against "regctl serve" (needs Go 1.24)
	@$(DENO) run -A tools/conformance.ts dist/regctl

fmt: setup ## Format every file
	@$(DENO) fmt

golden: setup build ## Rewrite tests/golden from what the program prints now
	@REGCTL_UPDATE_GOLDEN=1 $(DENO) test -A --no-check tests

bench: setup build ## Measure start-up, speed and memory
	@node_modules/.bin/deno run -A bench/run.ts

clean: ## Remove dist, with its cache of base binaries
	@rm -rf dist
