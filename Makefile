# What a person types. Each target sets up what it needs, and says what it does.

PYTHON_VERSION := 3.13
# A command's output: an interpreter that is named by PYTHON, found, or installed by uv.
FIND_PYTHON = sh infra/local/find_python.sh $(PYTHON_VERSION) "$(PYTHON)"
# Environments of Python programs, made below build/ from lock files.
ENVIRONMENTS := build/environments
DEVELOPMENT := $(ENVIRONMENTS)/development/bin
UV := UV_SYSTEM_CERTS=1 $(ENVIRONMENTS)/uv/bin/uv
REQUIREMENTS := infra/local/requirements
COMPILE := $(UV) pip compile --quiet --generate-hashes --no-emit-package anonlink $(if $(UPGRADE),--upgrade-package $(UPGRADE))
# The dependency groups with an environment of their own.
LOCKED := development localstack runtime client client-0.1.9 schemathesis checkov plots kernel uv

PYTEST := $(DEVELOPMENT)/python -m pytest
# Any test here may run beside any other: in as many processes as there are processors.
SIDE_BY_SIDE := $(PYTEST) --numprocesses auto --dist worksteal
UNIT := tests/unit tests/promises -m "not servers and not builds"
# What is done by the engine: tested with each, and the rest with the default.
LINKING := $(addprefix tests/,$(addprefix promises/test_,repeated_delivery.py lost_messages.py deletion.py failures.py \
	uploads.py readers.py result_types.py) $(addprefix unit/,test_flow.py linkage/test_results.py linkage/candidates/test_merging.py))

export PYTHONUNBUFFERED := 1
# No __pycache__ beside what is packaged; compiled once all the same, or each of many processes compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/bytecode

# OBJECT_STORE=minio has the objects in MinIO, for up, demo, test and e2e; make passes it on.

.DEFAULT_GOAL := help
.PHONY: help setup minio demo test up down status lint types unit builds integration e2e test-slow fuzz format bench cost package plan deploy destroy test-deployment lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is needed, below build/ only
	@python=$$($(FIND_PYTHON)) && "$$python" -m infra.local.environments
	@$(DEVELOPMENT)/python -m infra.packaging --kernel

minio: setup ## Build MinIO, once: with Go, from its source
	@$(DEVELOPMENT)/python -m infra.local.minio.program

demo: setup ## Link two public data sets through the whole service, and judge the linkage
	@$(DEVELOPMENT)/python -m infra.local.demo

test: setup lint types ## Pass every test but test-slow's, and show the coverage and what is slow
	@test "$(OBJECT_STORE)" = localstack || $(DEVELOPMENT)/python -m infra.local.minio.program --if-possible
	@$(DEVELOPMENT)/python -m infra.packaging
	@echo "== tests: unit, with coverage"
	@$(SIDE_BY_SIDE) $(UNIT) --durations=20 --cov
	@echo "== tests: builds, integration, end to end"
	@$(PYTEST) tests -m "(servers or builds) and not slow" \
		--numprocesses 2 --dist loadscope --durations=20
	@echo "== tests: what links, with anonlink's engine"
	@TEST_ENGINE=anonlink $(SIDE_BY_SIDE) $(LINKING) -m "not servers"

up: setup ## Start the service on this machine and leave it running; PORT=8851 OBJECT_STORE=minio
	@$(DEVELOPMENT)/python -m infra.local up $(if $(PORT),--port $(PORT))

down: ## Stop what `make up` started
	@$(DEVELOPMENT)/python -m infra.local down

status: ## Say what runs, and where
	@$(DEVELOPMENT)/python -m infra.local status

lint: setup ## Check format, lint and the directions of imports
	@echo "== format, lint, imports"
	@$(DEVELOPMENT)/ruff format --check --quiet
	@$(DEVELOPMENT)/ruff check --quiet
	@PYTHONPATH=.:layers/linkage/python $(DEVELOPMENT)/lint-imports --no-logo

types: setup ## Check the types
	@echo "== types"
	@$(DEVELOPMENT)/mypy

unit: setup ## Pass the tests of seconds, that need no servers and build nothing; TEST_ENGINE=anonlink
	@$(SIDE_BY_SIDE) $(UNIT)

builds: setup ## Pass the tests that build or run programs: packages, the kernel, linters of the template
	@$(PYTEST) tests/builds tests/unit -m builds --numprocesses 2 --dist loadscope

integration: setup ## Pass the tests on real servers
	@$(PYTEST) tests/integration tests/promises -m "servers and not slow"

e2e: setup ## Pass the tests against the deployed local stack
	@$(PYTEST) tests/e2e

test-slow: setup ## Pass the tests that wait for minutes, such as until credentials expire
	@$(DEVELOPMENT)/python -m pytest -m slow

fuzz: setup ## Look for inputs that break the kernel, chosen by what they reach; SECONDS=60
	@$(DEVELOPMENT)/python -m tests.builds.fuzzing $(or $(SECONDS),60)

format: setup ## Put the code in its form
	@$(DEVELOPMENT)/ruff check --fix --quiet
	@$(DEVELOPMENT)/ruff format --quiet

bench: setup ## Measure; figures, not verdicts
	@$(DEVELOPMENT)/python -m pytest tests/benchmarks -m benchmark -s

cost: setup ## Tell what a run costs on AWS; ARGS="--records 1e6,1e6 --threshold 0.8", or ARGS=--help
	@PYTHONPATH=layers/linkage/python $(DEVELOPMENT)/python -m linkage cost $(or $(ARGS),--help)

package: setup ## Build what is deployed, without deploying it; RUNTIME=python3.13 ARCHITECTURE=arm64
	@$(DEVELOPMENT)/python -m infra.packaging $(if $(RUNTIME),--runtime $(RUNTIME)) \
		$(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

need-stage = $(if $(STAGE),,$(error STAGE is missing: make $@ STAGE=prod, or another file of infra/stages/))

plan: setup ## Show what deploying would change, and change nothing; STAGE=prod
	$(need-stage)
	@$(DEVELOPMENT)/python -m infra.deploy plan $(STAGE)

deploy: setup ## Deploy to AWS, migrate, try it, and print the URL; STAGE=prod
	$(need-stage)
	@$(DEVELOPMENT)/python -m infra.deploy deploy $(STAGE)

destroy: setup ## Delete a deployment with all that it stores; STAGE=... CONFIRM=... (the stage again)
	$(need-stage)
	@$(DEVELOPMENT)/python -m infra.deploy destroy $(STAGE) $(if $(CONFIRM),--confirm $(CONFIRM))

test-deployment: setup ## Deploy a stage of its own, pass the end-to-end tests on it, destroy it; STAGE=local MINUTES=30
	@$(DEVELOPMENT)/python -m infra.trial $(or $(STAGE),local) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(TAKE_AWAY),--take-away $(TAKE_AWAY))

.PHONY: uv lock-deployed $(LOCKED:%=lock-%)
lock: $(addprefix lock-,deployed $(LOCKED)) ## Pin what pyproject.toml's dependency groups ask for; pins stay; UPGRADE=package

lock-deployed: uv
	@echo "== lock requirements.txt"
	@$(COMPILE) --python-version $(PYTHON_VERSION) --python-platform x86_64-manylinux_2_28 --group deployed --output-file requirements.txt

$(LOCKED:%=lock-%): lock-%: uv
	@echo "== lock $(REQUIREMENTS)/$*.txt"
	@$(COMPILE) $(RESOLUTION) --group $* $(CONSTRAINTS) $(foreach kind,excludes overrides,$(addprefix --$(kind) ,$(wildcard $(REQUIREMENTS)/$*.$(kind)))) \
		--output-file $(REQUIREMENTS)/$*.txt

RESOLUTION := --universal --python-version $(PYTHON_VERSION)
# LocalStack's pins bear no later Python, and our executor runs on Linux alone.
lock-localstack: RESOLUTION := --python-platform x86_64-manylinux_2_28 --python-version $(PYTHON_VERSION)
# The unit tests run on this Python too.
lock-development: RESOLUTION := --universal --python-version 3.12
# What is tested is what is deployed.
lock-development: CONSTRAINTS := --constraints requirements.txt
lock-development: lock-deployed

uv:
	@python=$$($(FIND_PYTHON)) && "$$python" -m infra.local.environments uv

clean: ## Stop the stack and remove all that was built, and all that it kept
	@test ! -x $(DEVELOPMENT)/python || $(DEVELOPMENT)/python -m infra.local down --delete-data
	rm -rf build
