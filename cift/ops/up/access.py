"""How the controller reaches a trading host's API: address, certificate, key."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import msgspec

from cift.core.tls import client_context
from cift.ops.runner.inventory import Inventory
from cift.ops.runner.project import ProjectError
from cift.ops.runner.variable import host_variable
from cift.ops.sandbox.lab import Lab

_DEFAULT_PORT = 8000


class ApiAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API is, the file with the certificate it is known by, and the key that `cift` trades with."""

    host: str
    url: str
    ca: str
    key: str

    def tls(self) -> ssl.SSLContext:
        """Return the client side of TLS: this certificate and no other.

        Raises:
            TlsError: the file can't be used.
        """
        return client_context(self.ca, setting=f"the API of {self.host}")


def api_access(root: Path, inventory: Inventory, host: str) -> ApiAccess:
    """Find out how to reach a host's API.

    Raises:
        ProjectError: the certificate or the key that site.yml leaves on the controller is missing, or can't be read.
    """
    values = inventory.hostvars[host]
    sandbox = host in inventory.sandbox_hosts
    address = Lab().find(host).address if sandbox else str(values.get("ansible_host") or host)
    port = values.get("cift_api_port", _DEFAULT_PORT)
    ca = root / ".state" / "tls" / inventory.name / f"{host}.crt"
    if not ca.is_file():
        raise ProjectError(f"{ca}: no certificate of the API of {host}; run site.yml from this checkout first")
    _stay_off_proxies(address)
    return ApiAccess(
        host=host,
        url=f"https://{address}:{port}",
        ca=str(ca),
        key=host_variable(root, inventory.path, host, "cift_secret_api_key"),
    )


def _stay_off_proxies(address: str) -> None:
    """Have this process reach its own hosts directly, whatever proxy the machine uses for the world."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [entry for entry in os.environ.get(name, "").split(",") if entry]
        if address not in known:
            os.environ[name] = ",".join([*known, address])
