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
test-long: ## tests that take long: end-to-end ones of minutes each (the tutorial, backfills, changed rules and settings, maintenance, serving layers, the notebook, the stream, its supervisor, teardown), redelivery, compaction and kills of Spark jobs, the measuring of parsing
	@local/install.sh --tests
	@tests/run.sh long

.PHONY: test-faults
test-faults: ## every component killed in every activity, S3 in trouble, a full disk, a wrong clock, a cut network, garbage: hours
	@local/install.sh --tests
	@tests/run.sh faults

.PHONY: test-airflow
test-airflow: ## unit, DAG and layout tests on another version of Airflow: AIRFLOW=3.2.1
	@local/install.sh
	@tests/run_airflow.sh $(or $(AIRFLOW),3.2.1)

.PHONY: soak
soak: ## components killed at random while everything goes on: MINUTES=30 SEED=7
	@local/install.sh --tests
	@SOAK_MINUTES="$(MINUTES)" SOAK_SEED="$(SEED)" tests/run.sh soak

.PHONY: screenshots
screenshots: ## the docs' pictures in docs/images anew, by the browser tests: ten minutes
	@local/install.sh --tests
	@PINPIPE_SCREENSHOTS=docs/images tests/run.sh screenshots

.PHONY: lint
lint: ## ruff, bandit and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	tests/bandit.sh
	.venv/bin/mypy plugins/pinpipe_airflow include spark_jobs emulator local pinpipe_cli bench

.PHONY: audit
audit: install ## known advisories of what the locks install; ends with 2 where the data cannot be had
	@.venv/bin/python -m local.audit

.PHONY: unit
unit: ## the fast tests
	.venv/bin/python -m pytest tests/unit --numprocesses 3 -q

.PHONY: bench
bench: install ## measure everything into bench/results/ and docs/performance.md; ONLY="ingestion day" for some of it, QUICK=1 to try it out
	@.venv/bin/python -m bench $(if $(QUICK),--quick) $(ONLY)
	@$(if $(QUICK),,.venv/bin/python -m bench.page)

.PHONY: image
image: ## the local world as a container image, pinpipe:latest, by whichever of docker, podman and buildah there is
	@local/build_image.sh pinpipe:latest

DOCS_PAGES := configuration_page contracts_page roles_page tables_page commands_page code_pages dags_page dashboard

.PHONY: docs
docs: ## the documentation site in site/, its generated pages anew from the code
	@for page in $(DOCS_PAGES); do .venv/bin/python -m pinpipe_cli.$$page || exit 1; done
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	@echo "$(CURDIR)/site/index.html"

.PHONY: docs-serve
docs-serve: ## the documentation site at http://127.0.0.1:8000, built again with each change
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs serve --dev-addr 127.0.0.1:8000

.PHONY: lock
lock: ## compile the locks anew from locks/*.in
	local/compile_locks.sh
