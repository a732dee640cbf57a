# AlertCast: everything starts here. `make` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Where `make run` keeps its data.
DATA_DIR ?= ./data
# More arguments for run, test, test-unit and bench, such as: make test ARGS=pkg/ticket
ARGS ?=

IN := . scripts/env.sh;
# kafkajs asks Node for timers of negative length; Node's warning about it says nothing that a reader could act on.
VITEST := exec node --disable-warning=TimeoutNegativeWarning node_modules/vitest/vitest.mjs run

.PHONY: help run test test-kube test-image live-loop test-unit check check-types check-lint check-imports check-unused format bench bench-scaler up down setup services clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: setup ## Run everything in one process (data in DATA_DIR, default ./data)
	@exec bin/alertcast standalone --data "$(DATA_DIR)" $(ARGS)

test: setup services ## Run all tests, with real Kafka, PostgreSQL and Redis, and with a real Kubernetes API once test-kube has built it
	@scripts/setup-helm.sh
	@$(IN) mkdir -p .reports; $(VITEST) --project unit --project integration --reporter=default --reporter=json --outputFile.json=.reports/vitest.json $(ARGS)
	@$(if $(ARGS),exit 0;) if scripts/build-control-plane.sh --check; then $(MAKE) --no-print-directory test-kube; \
	else printf '\n*** NOT RUN: the tests on a Kubernetes API server, which is not built yet. Build it once (10 to 90 minutes) and run them: make test-kube ***\n\n'; fi

test-kube: setup services ## Run the tests on a real Kubernetes API server (builds it first where missing: long, once)
	@scripts/setup-helm.sh
	@scripts/build-control-plane.sh
	@$(IN) mkdir -p .reports; $(VITEST) --project kube --reporter=default --reporter=json --outputFile.json=.reports/vitest-kube.json $(ARGS)

test-image: setup ## Build the image and bring up docker-compose.yml on a Docker engine (as root one is installed where none runs)
	@scripts/setup-docker.sh
	@$(IN) mkdir -p .reports; $(VITEST) --project image --reporter=default --reporter=json --outputFile.json=.reports/vitest-image.json $(ARGS)

live-loop: setup services ## Run the operator, processors and a changing load on a real API server for half an hour; draws docs/live-loop.svg
	@scripts/build-control-plane.sh
	@$(IN) LIVE_LOOP=long $(VITEST) --project live $(ARGS)

test-unit: setup ## Run the tests that need no service
	@$(IN) $(VITEST) --project unit $(ARGS)

check: setup ## Check types, lint and format, import rules, unused code (all of them, also after a failure)
	@$(MAKE) --no-print-directory --keep-going check-types check-lint check-imports check-unused

check-types: setup
	@$(IN) echo "check: types"; exec tsc --noEmit -p .

check-lint: setup
	@$(IN) echo "check: lint and format"; [ -t 1 ] || plain=--colors=off; exec biome ci --error-on-warnings $$plain .

check-imports: setup
	@$(IN) echo "check: who imports whom"; exec depcruise --config .dependency-cruiser.mjs bench cmd pkg test

check-unused: setup
	@$(IN) echo "check: unused code and packages"; exec knip

format: setup ## Format the code and apply the linter's safe fixes
	@$(IN) exec biome check --write .

bench: setup services ## Run the benchmarks
	@$(IN) exec node bench/main.ts $(ARGS)

bench-scaler: setup ## Compare the scaler's decisions with KEDA's formula over simulated loads (some minutes)
	@$(IN) exec node bench/scaler/main.ts

up: setup services ## Start Kafka, PostgreSQL and Redis alone; prints their addresses as NAME=value lines
	@$(IN) exec node --disable-warning=TimeoutNegativeWarning test/harness/up.ts up

down: setup ## Stop what `make up` started
	@$(IN) exec node test/harness/up.ts down

setup: ## Install Node (only if too old) and the npm packages (only if package-lock.json changed)
	@scripts/setup-node.sh
	@scripts/setup-modules.sh

services: ## Install what the tests' Kafka, PostgreSQL and Redis are started from, where missing
	@scripts/setup-services.sh

clean: down ## Remove reports and the services' state (not your data)
	@rm -rf .reports coverage tmp
