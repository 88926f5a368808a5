#!/bin/sh
# Locks every dependency with its hashes, for Python 3.11 and newer, from pyproject.toml alone:
# cift.lock (the application), chdb.lock (the ClickHouse engine's service), dev.lock (everything); and from bench.in
# bench.lock (what benchmarks compare with, each in an environment of its own).
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-header --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml --all-extras --no-emit-package cift -o requirements/dev.lock
compile pyproject.toml --extra tracing -c requirements/dev.lock -o requirements/cift.lock
python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["chdb"], sep="\n")' |
    compile - -c requirements/dev.lock -o requirements/chdb.lock
compile requirements/bench.in -o requirements/bench.lock
