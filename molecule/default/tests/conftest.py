"""The host as anybody outside has it: by its address, trusting only what the play brought home."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cift.ops.runner.variable import host_variable
from cift.ops.sandbox import Lab

ROOT = Path(__file__).parents[3]
TRUST = ROOT / ".state/tls/molecule-default/cift-1.crt"


@pytest.fixture(scope="session")
def api() -> Iterator[httpx.Client]:
    address = Lab().find("cift-1").address
    with httpx.Client(
        base_url=f"https://{address}:8000", verify=ssl.create_default_context(cafile=TRUST), timeout=10
    ) as client:
        yield client


@pytest.fixture(scope="session")
def key() -> dict[str, str]:
    """The header of a client who may trade."""
    inventory = Path(os.environ["MOLECULE_INVENTORY_FILE"])
    return {"Authorization": f"Bearer {host_variable(ROOT, inventory, 'cift-1', 'cift_secret_api_key')}"}


@pytest.fixture(scope="session")
def cache_unit() -> str:
    return {"12": "redis-server", "13": "valkey-server"}[os.environ["CIFT_RELEASE"]]


@pytest.fixture(scope="session")
def database_unit() -> str:
    return {"12": "postgresql@15-main", "13": "postgresql@17-main"}[os.environ["CIFT_RELEASE"]]
