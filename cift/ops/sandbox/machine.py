"""How this machine gets its packages: its apt, pip and cargo configuration, its proxy, its own authorities.

Everything that the sandbox hands to its hosts, and everything that its proxy lets through, is read from the machine:
no name of a mirror or a registry is written down in this program.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cift.ops.sandbox.aptsources import read_sources
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.indexes import cargo_urls, pip_urls

OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
# Settings of apt that belong to the way to the mirror (a mirror frozen in time, a slow line), not to the machine.
APT_WAY = ("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Max-FutureTime", "Acquire::Retries")


def release_of_machine(path: Path = Path("/etc/os-release")) -> str:
    """The machine's own release name, `bookworm` for example."""
    match = re.search(r'^VERSION_CODENAME="?([^"\n]*)', path.read_text() if path.exists() else "", re.MULTILINE)
    return match[1] if match else ""


def apt_settings() -> dict[str, str]:
    """Apt's configuration below `Acquire`: name to value."""
    dump = run(["apt-config", "dump", "--format", "%f\t%v%n", "Acquire"]).stdout
    return dict(line.split("\t", 1) for line in dump.splitlines() if "\t" in line)


@dataclass(frozen=True)
class Way:
    """The way from this machine to its packages."""

    urls: tuple[str, ...]
    upstream: str = ""
    direct: tuple[str, ...] = ()
    apt: Mapping[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """Hosts and ports that packages come from."""
        found = set()
        for url in self.urls:
            parts = urlsplit(url.removeprefix("mirror+"))
            if parts.scheme in ("http", "https") and parts.hostname:
                found.add((parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)))
        return sorted(found)


def way(environ: Mapping[str, str] = os.environ) -> Way:
    """Read the machine's configuration."""
    apt = apt_settings()
    urls = [uri for source in read_sources() for uri in source.uris]
    urls += pip_urls() + cargo_urls(environ)
    candidates = (
        apt.get("Acquire::http::Proxy", ""),
        apt.get("Acquire::https::Proxy", ""),
        *(environ.get(name, "") for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")),
    )
    upstream = next((value for value in candidates if value and value != "DIRECT"), "")
    exceptions = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    return Way(
        tuple(urls),
        upstream,
        tuple(name for name in exceptions if name),
        {name: value for name, value in apt.items() if name in APT_WAY},
    )


def own_certificates() -> list[Path]:
    """Certificates of authorities that this machine trusts beyond Debian's own list."""
    return sorted(OWN_CERTIFICATES.rglob("*.crt"))
