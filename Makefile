# The commands for people and CI. They write only to .venv and .tools. As root on Debian, `make test` also installs the
# packages that its tests need.
.DEFAULT_GOAL := help
SHELL := /bin/sh
export UV_PYTHON_DOWNLOADS ?= automatic

PYTHON ?= python3
UV = $(shell command -v uv || echo .tools/bin/uv)
BIN = .venv/bin

.PHONY: help
help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: setup
setup: .venv/.ready ## make the virtual environment from requirements.lock

.venv/.ready: requirements.lock pyproject.toml setup.py $(wildcard src/driftmeter/counts/c/*)
	@echo 'setting up .venv (about 100 packages, once)' >&2
	@command -v $(UV) >/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv
	@$(UV) pip sync --quiet --require-hashes requirements.lock
	@$(UV) pip install --quiet --no-deps --editable .
	@touch $@

.PHONY: demo
demo: setup ## run everything on real flights: DRIFT=true injects drift, FOR=60 ends after 60 s
	@$(BIN)/driftmeter demo --drift $(or $(DRIFT),false) $(if $(FOR),--for $(FOR))

.PHONY: demo-quiet
demo-quiet: setup ## run the demo without drift for 10 minutes (FOR=SECONDS): fails if anything drifts
	@$(BIN)/driftmeter demo --drift false --for $(or $(FOR),600) --json | $(BIN)/python -m driftmeter.demo.quiet

# the tests that most changes break first; none of their files starts a server
QUICK = src tests/profile tests/counts tests/panes tests/drift tests/settings tests/verdict \
  tests/test_architecture.py tests/test_docs.py tests/server/test_exposition.py

# the tests of the store that run again on a second kind of server: conformance, replicas and failover
SHARED = tests/store/test_conformance*.py tests/store/redis/test_replicas.py tests/store/redis/test_failover.py -k redis

# the tests of whole systems, each of which starts many programs: one at a time; all others run in parallel, but for those
# of engines, which `make test-engines` runs
WHOLE = tests/e2e tests/deploy tests/browser

.PHONY: test
ifdef ARGS
test: setup
	$(BIN)/python -m pytest $(ARGS)
else
test: setup debian lint ## run every test; ARGS='tests/store -k late' runs some of them
	$(BIN)/python -m pytest -n auto --dist worksteal tests src $(WHOLE:%=--ignore=%) --ignore=tests/engines
	$(BIN)/python -m pytest $(WHOLE)
	sh scripts/redis_server.sh valkey-9.1 $(SHARED)
endif

.PHONY: quick
quick: setup ## run the tests that need no server and draw few samples, in less than 90 s
	$(BIN)/python -m pytest -q -x --hypothesis-profile=quick -m "not simulation" $(QUICK)

.PHONY: test-redis
test-redis: setup debian ## run the store's tests on Redis 6.2, 7.0, 8.2 and Valkey 8.1, 9.1
	@failed=; for server in redis-6.2 redis-7.0 redis-8.2 valkey-8.1 valkey-9.1; do \
	  sh scripts/redis_server.sh $$server tests/store -k redis || failed="$$failed $$server"; \
	done; test -z "$$failed" || { echo "failed on:$$failed" >&2; exit 1; }

.PHONY: test-doors
test-doors: setup ## run the tests of tests/doors on MLflow, BentoML, Ray Serve, KServe, MLServer and others (2 GB, once)
	@UV=$(UV) sh scripts/doors.sh $(ARGS)

.PHONY: test-engines
test-engines: setup ## run the tests of tests/engines on a real Kafka and Spark (needs Java 17 and mvn; 1.5 GB, once)
	@UV=$(UV) sh scripts/engines.sh $(ARGS)

.PHONY: test-newest
test-newest: setup ## run the unit tests with coverage on the newest Python on this machine
	@UV=$(UV) sh scripts/newest.sh

.PHONY: matrix
matrix: setup ## run the unit tests on every Python here, with the lowest and the newest dependencies
	@UV=$(UV) sh scripts/matrix.sh $(ARGS)

.PHONY: lint
lint: setup ## check style and types
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	$(BIN)/codespell $$(git ls-files)
	$(BIN)/shellcheck .ci/run $$(git ls-files '*.sh')

.PHONY: debian
debian: ## install the programs that tests run: nginx, prometheus, alertmanager, redis, dnsmasq, chromium
	@sh scripts/debian.sh

.PHONY: build
build: setup ## make the wheel: dist/*.whl
	@$(UV) build --quiet --wheel --out-dir dist
	@ls dist/*.whl

.PHONY: format
format: setup ## format the code in the project's style
	$(BIN)/ruff check --quiet --fix
	$(BIN)/ruff format --quiet

.PHONY: docs
docs: setup ## write the tables in docs/ that are generated from the code
	$(BIN)/python docs/build.py

.PHONY: lock
lock: ## update requirements.lock from pyproject.toml; UPGRADE=1 upgrades every version
	$(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-package driftmeter --no-header --no-annotate --output-file requirements.lock $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove everything that make has written
	rm -rf .venv .tools build dist src/*.egg-info src/driftmeter/counts/_compiled*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis
