# One place for what people and CI type. Everything lands in .venv and .tools; nothing else is touched,
# but for Debian packages that `make test` needs, when it runs as root.
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

.venv/.ready: requirements.lock pyproject.toml
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

# what holds for every store, and what replicas and failovers must not lose
SHARED = tests/store/test_conformance*.py tests/store/redis/test_replicas.py tests/store/redis/test_failover.py -k redis

.PHONY: test
test: setup debian lint ## pass every test
	$(BIN)/python -m pytest
	sh scripts/redis_server.sh valkey-9.1 $(SHARED)

.PHONY: test-redis
test-redis: setup debian ## pass the store's tests on Redis 6.2, 7.0, 8.2 and Valkey 8.1, 9.1
	@failed=; for each in redis-6.2 redis-7.0 redis-8.2 valkey-8.1 valkey-9.1; do \
	  sh scripts/redis_server.sh $$each tests/store -k redis || failed="$$failed $$each"; \
	done; test -z "$$failed" || { echo "failed on:$$failed" >&2; exit 1; }

.PHONY: test-newest
test-newest: setup ## pass the unit tests on the newest Python that is found, too
	@UV=$(UV) sh scripts/newest.sh

.PHONY: lint
lint: setup ## check style and types
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy

.PHONY: debian
debian: ## install what the tests run for real: nginx, prometheus, alertmanager, redis, dnsmasq, chromium
	@sh scripts/debian.sh

.PHONY: build
build: setup ## make the wheel: dist/*.whl
	@$(UV) build --quiet --wheel --out-dir dist
	@ls dist/*.whl

.PHONY: format
format: setup ## put the code in the project's style
	$(BIN)/ruff check --quiet --fix
	$(BIN)/ruff format --quiet

.PHONY: lock
lock: ## renew requirements.lock from pyproject.toml
	$(UV) export --quiet --upgrade --all-extras --all-groups --no-emit-project --no-header --no-annotate \
	  --format requirements-txt --output-file requirements.lock

.PHONY: clean
clean: ## remove what make has made
	rm -rf .venv .tools dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
