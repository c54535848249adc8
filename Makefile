# What a person types. The work is in scripts/ and in the `logmill` command.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: $(shell grep -oE '^[a-z-]+:' $(firstword $(MAKEFILE_LIST)) | tr -d :)

ARGS ?=
PROCESSORS ?= 1
SERVICE ?=
COMPOSE := docker compose

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Set up, then start Logmill on this machine; Ctrl-C stops it (ARGS="--broker amqp://…")
	@scripts/setup run
	@exec scripts/with-env .venv/bin/logmill up $(ARGS)

test: ## Set up, then run every test (ARGS="-k batch")
	@scripts/setup dev
	@scripts/ensure-rabbitmq
	@scripts/ensure-chromium
	@.venv/bin/python -m pytest $(ARGS)

check: ## Set up, then check format, lint, types and imports
	@scripts/setup dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

build: compose ## Build the images, or one (SERVICE=storage)
	$(COMPOSE) build $(SERVICE)

up: compose ## Build the images and start everything in Docker (PROCESSORS=3)
	$(COMPOSE) up --build --detach --wait --scale processor=$(PROCESSORS)
	$(COMPOSE) ps

down: compose ## Stop what `make up` started; its data stays (docker compose down -v removes it)
	$(COMPOSE) down

logs: compose ## Follow the logs of what `make up` started (SERVICE=processor)
	$(COMPOSE) logs --follow --tail 100 $(SERVICE)

compose:
	@$(COMPOSE) version >/dev/null 2>&1 || { \
	    echo 'error: this needs Docker and its Compose plugin ("docker compose"); "make run" does not' >&2; exit 1; }

bench: ## Set up, then measure the whole pipeline (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.pipeline $(ARGS)

load: ## Set up, then put the running Logmill under load (ARGS="--rate 5000 --duration 60")
	@scripts/setup run
	@scripts/with-env .venv/bin/logmill bench $(ARGS)

bench-promises: ## Set up, then measure what the promises cost, and long outages (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.promises $(ARGS)

bench-query: ## Set up, then measure queries on 10,000,000 logs, and their disk use (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.queries $(ARGS)

bench-redaction: ## Set up, then measure what redaction finds, mistakes and costs (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.redaction $(ARGS)

bench-parsing: ## Set up, then measure what the parsing of messages costs (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.parsing $(ARGS)

bench-recording: ## Set up, then measure what the collector makes of real logs (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.recording $(ARGS)

bench-patterns: ## Set up, then compare patterns with drain3 on samples of Loghub (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.patterns $(ARGS)

bench-collect: ## Set up, then measure how fast files are collected, on one core (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.collecting_speed $(ARGS)

bench-results: ## Set up, then send 10,000 files of test results and check the totals (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.results $(ARGS)

bench-handler: ## Set up, then measure the logging handler, and an outage of the producer (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m benchmarks.handler $(ARGS)

faults: ## Set up, then break everything in turn, under load, and count (ARGS="--help")
	@scripts/setup dev
	@scripts/ensure-rabbitmq
	@scripts/ensure-libfaketime
	@.venv/bin/python -m tests.faults $(ARGS)

torture: ## Set up, then rotate and kill under a collector, and count (ARGS="--help")
	@scripts/setup dev
	@.venv/bin/python -m tests.torture $(ARGS)

health: ## Ask the running services how they are
	@scripts/setup run
	@scripts/with-env .venv/bin/logmill health $(ARGS)

stats: ## Show what the running storage holds
	@scripts/setup run
	@scripts/with-env .venv/bin/logmill stats $(ARGS)

clean: ## Remove data/ (all stored logs) and build leftovers; refused while Logmill runs
	@scripts/clean

lock: ## Write the requirements from pyproject.toml (ARGS=--upgrade takes the newest)
	@scripts/setup dev
	@scripts/lock $(ARGS)

docs: ## Write .env.example and docs/settings.md from the table of settings
	@scripts/setup dev
	.venv/bin/logmill settings --format env >.env.example.new && mv .env.example.new .env.example
	.venv/bin/logmill settings --format markdown >docs/settings.md.new && mv docs/settings.md.new docs/settings.md

screenshots: ## Take the pictures of the pages in docs/images/ anew
	@scripts/setup dev
	@scripts/ensure-chromium
	@.venv/bin/python -m scripts.screenshots $(ARGS)

check-images: ## Install each service from its lock and start it as its Dockerfile does, without Docker
	@scripts/setup run
	@.venv/bin/python -m scripts.check_images $(ARGS)
