# make up: a whole host, provisioned, verified, benchmarked.   make test: everything that CI runs.
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SYSTEM_PACKAGES := systemd-container mmdebstrap tinyproxy iproute2 openssh-client redis-server postgresql

.PHONY: help up down test lint unit site deps lock clean
help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

deps: $(VENV)/.locked ## Debian packages, the virtual environment, the Rust core
	@missing=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(SYSTEM_PACKAGES) 2>/dev/null | awk '$$2=="installed"{print $$1}' | sort); \
	 need=$$(comm -23 <(printf '%s\n' $(SYSTEM_PACKAGES) | sort) <(echo "$$missing")); \
	 if [ -n "$$need" ]; then echo "installing $$need"; apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$need; fi

$(VENV)/.locked: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

up: deps ## A host from nothing to a proven trading host
	cift up

down: ## Take the sandbox away
	cift down

lock: ## Lock the dependencies anew
	scripts/lock.sh
