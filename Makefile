# City brain. `make run` and `make test` do all the set-up on a fresh machine (Python 3.11, make).
PYTHON ?= python3.11
VENV   := .venv
PY     := $(VENV)/bin/python
# test processes: one more than cores (half of their time they wait for browsers and children), at most four
JOBS   ?= $(shell n=$$(nproc 2>/dev/null || echo 2); n=$$((n + 1)); [ $$n -gt 4 ] && n=4; echo $$n)
HOME_DIR ?= $(or $(CITY_BRAIN_HOME),var)

.DEFAULT_GOAL := help
.PHONY: help run install install-tests browser test check bench torture screens soak clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## set up, build the demo store, start pipeline and web, print the address
	@exec $(PY) -m data_pipeline serve --home $(HOME_DIR)

install: $(VENV)/.installed ## make the environment with the pinned runtime
$(VENV)/.installed: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; set PYTHON=… to a Python 3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

install-tests: install $(VENV)/.installed-tests browser ## add what the tests need
$(VENV)/.installed-tests: tests/requirements.txt
	$(PY) -m pip install --disable-pip-version-check -q -r tests/requirements.txt
	@touch $@

browser: ## Chromium and CJK fonts through apt where it may, else say what to install
	@sh tests/install_browser.sh

test: install-tests ## the whole suite, sampled where a full matrix would be long
	$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

check: install-tests ## ruff and types
	$(PY) -m ruff check .
	$(PY) -m mypy

bench: install-tests ## speed, as ratios within one run
	$(PY) -m tests.bench

torture: install-tests ## kills and faults, the full matrix
	CITY_BRAIN_KILLS=50 $(PY) -m pytest -m torture -s

screens: install-tests ## every page, size and language; pictures in build/screens
	CITY_BRAIN_SCREENS=all $(PY) -m pytest -m screens -s

soak: install-tests ## a wall for weeks in minutes: memory, pictures, faults, speed, frames of a map
	$(PY) -m tests.soak
	$(PY) -m tests.soak --speed
	$(PY) -m tests.soak --frames

clean: ## remove the environment and caches, never the home folder
	rm -rf $(VENV) build .pytest_cache .ruff_cache .mypy_cache
