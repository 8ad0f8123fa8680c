.DEFAULT_GOAL := help
SHELL := /bin/bash
PINPIPE := .venv/bin/pinpipe

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: install
install: ## environments, jars, Java: whatever is missing
	@local/install.sh

.PHONY: demo
demo: install ## everything from a bare machine: the world, the main job, counts, answers, where to look
	@$(PINPIPE) demo

.PHONY: up
up: install ## start the local world
	@$(PINPIPE) up

.PHONY: down
down: ## stop it; data stays
	@$(PINPIPE) down

.PHONY: reset
reset: ## stop it and forget all state
	@$(PINPIPE) reset --yes

.PHONY: test
test: ## everything from a bare machine: lint, types, unit, dags, integration, e2e, each component killed once, but test-long and test-faults
	@local/install.sh --tests
	@tests/run.sh

.PHONY: test-long
test-long: ## tests that take long: end-to-end ones of minutes each (backfills, changed rules, maintenance, serving layers, the stream, its supervisor, teardown), redelivery and kills of Spark jobs
	@local/install.sh --tests
	@tests/run.sh long

.PHONY: test-faults
test-faults: ## every component killed in every activity, S3 in trouble, a full disk, a wrong clock, a cut network, garbage: hours
	@local/install.sh --tests
	@tests/run.sh faults

.PHONY: soak
soak: ## components killed at random while everything goes on: MINUTES=30 SEED=7
	@local/install.sh --tests
	@SOAK_MINUTES="$(MINUTES)" SOAK_SEED="$(SEED)" tests/run.sh soak

.PHONY: lint
lint: ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy plugins/pinpipe_airflow include spark_jobs emulator local pinpipe_cli bench

.PHONY: unit
unit: ## the fast tests
	.venv/bin/python -m pytest tests/unit --numprocesses 3 -q

.PHONY: bench
bench: install ## measure everything into bench/results/ and docs/performance.md; ONLY="ingestion day" for some of it, QUICK=1 to try it out
	@.venv/bin/python -m bench $(if $(QUICK),--quick) $(ONLY)
	@$(if $(QUICK),,.venv/bin/python -m bench.page)

.PHONY: docs
docs: ## docs/configuration.md anew from the settings, docs/contracts.md from the contracts
	.venv/bin/python -m pinpipe_cli.configuration_page
	.venv/bin/python -m pinpipe_cli.contracts_page

.PHONY: lock
lock: ## compile the locks anew from locks/*.in
	local/compile_locks.sh
