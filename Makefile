# make up: a whole host, provisioned, verified, benchmarked.   make test: everything that CI runs.
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help
VENV := $(CURDIR)/.venv
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
RELEASE ?= 13

HOST_PACKAGES := systemd-container mmdebstrap tinyproxy iproute2 openssh-client python3-venv \
	default-jre-headless maven
TEST_PACKAGES := $(HOST_PACKAGES) redis-server postgresql python3-psycopg2 nftables openssl capnproto valgrind gpg dpkg-dev \
	age rclone
# Debian 12's qemu has no igb network card: there `cift machine` unpacks Debian 13's into .state/machine-cache.
MACHINE_PACKAGES := mmdebstrap fdisk e2fsprogs tinyproxy iproute2 openssh-client \
	$(shell . /etc/os-release; [ "$$VERSION_ID" = 12 ] || echo qemu-system-x86 qemu-utils)
# What both stacks are made of; Kafka's jars come by Maven. Debian 12 has no Valkey: Debian 13's is unpacked.
BENCH_PACKAGES := redis-server redis-tools postgresql default-jre-headless maven mmdebstrap \
	$(shell . /etc/os-release; [ "$$VERSION_ID" = 12 ] || echo valkey-server)
# Debian 12's own cargo is too old for the core; its cargo-web follows the browsers' needs and is new enough.
RUST_PACKAGES := $(shell command -v cargo >/dev/null || { . /etc/os-release; [ "$$VERSION_ID" = 12 ] \
	&& echo cargo-web rustfmt-web rust-web-clippy || echo cargo rustfmt rust-clippy; })

.PHONY: help up down test test-cluster test-metal test-slow lint unit integration servers whole-hosts hosts site packages core bench bench-core lock clean
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

up: core ## A sandbox host from nothing to a proven trading host (RELEASE=12 or 13)
	@scripts/packages.sh $(HOST_PACKAGES)
	@cift up --release $(RELEASE)

down: core ## Take the sandbox away, with every mount, namespace, bridge and process
	@cift down

test: packages core lint unit servers ## Lint, types, unit tests, real servers, hosts, a machine, a whole site: CI's own run
	@scripts/packages.sh $(MACHINE_PACKAGES)
	@echo "hosts that fail and a whole site, and beside them a machine with its own kernel, on one emulated CPU: some 30 minutes"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target whole-hosts test-metal
	@# What `cift success` reads: on which commit everything passed.
	@git diff --quiet HEAD && printf '{"when":"%s","commit":"%s"}\n' "$$(date -u +%FT%TZ)" "$$(git rev-parse HEAD)" \
		>.state/tests-passed.json || true

lint: $(VENV)/.installed
	ruff check . && ruff format --check .
	mypy
	lint-imports
	yamllint --strict .
	ansible-lint --offline --profile production
	for workspace in . fuzz contest; do (cd rust_core/$$workspace && cargo fmt --all --check && \
		cargo clippy --all-targets --all-features --locked --quiet -- -D warnings) || exit 1; done

unit: core
	cd rust_core && cargo test --workspace --locked --quiet
	pytest -n auto --dist loadfile tests/unit tests/property

integration: servers hosts

servers: packages core
	@# More than there are processors: a server's test waits half of its time. In the order of their names, or the files
	@# with the fewest tests, which take longest, would come last and alone.
	pytest -n 3 --dist loadfile --no-loadscope-reorder -m 'not host' tests/integration

# One host at a time: each is a whole operating system.
HOSTS = pytest -m 'host and not slow' tests/integration
SITE = molecule test

whole-hosts: packages core
	$(HOSTS)
	$(SITE)

hosts: packages core
	$(HOSTS)

test-slow: packages core ## Hosts for longer: databases upgraded, every secret looked for in logs and process lists
	pytest -m slow tests/integration

site: packages core ## A whole host by Molecule
	$(SITE)

test-cluster: packages core ## Three hosts under load: killed, cut off, rebooted, upgraded, filled, expired
	molecule test --scenario-name cluster

test-metal: core ## A virtual machine with its own kernel: reboots, boot-once, rollback (KVM or emulation)
	@scripts/packages.sh $(MACHINE_PACKAGES)
	@# exec: the process that owns the machine is Molecule itself, and its end the machine's.
	@CIFT_MACHINE_OWNER=$$$$ exec molecule test --scenario-name metal

core: $(VENV)/.installed ## The Rust core, into the virtual environment
	@scripts/packages.sh $(RUST_PACKAGES)
	@echo "building the Rust core"
	@cd rust_core && maturin develop --release --locked --quiet

bench-core: export RUSTFLAGS := -Ctarget-cpu=native
bench-core: export CARGO_TARGET_DIR := $(CURDIR)/.state/bench/native
bench-core: core ## The Rust core beside its peers, all for this very CPU: a table, JSON, docs/performance-core.md and plots
	@python -m cift.benchmarks.core --docs docs

bench: NEWER := $(CURDIR)/.state/bench/debian-13
bench: export RUSTFLAGS := -Ctarget-cpu=native
bench: export CARGO_TARGET_DIR := $(CURDIR)/.state/bench/native
bench: core ## The old stack beside the new one, in one run on this machine: a table, JSON, docs/performance.md
	@scripts/packages.sh $(BENCH_PACKAGES)
	@command -v valkey-server >/dev/null || python -m cift.ops.sandbox.unpacked valkey-server $(NEWER) || true
	@PATH=$$PATH:$(NEWER) python -m cift.benchmarks.stacks --docs docs

packages:
	@scripts/packages.sh $(TEST_PACKAGES)

lock: $(VENV)/.installed ## Lock the Python dependencies anew
	scripts/lock.sh

clean: down ## The sandbox, the virtual environment and every cache
	rm -rf $(VENV) .state reports rust_core/target

$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@scripts/packages.sh python3-venv
	@echo "installing the locked Python packages into .venv"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --no-compile --require-hashes -r requirements/dev.lock
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
