"""Where a lab keeps its things, and what its bridge, links, control groups and machines are called.

Every name outside the state folder carries an id made from the folder's path. So several labs live side by side,
and `down` finds what belongs to a lab even when its records were lost.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DEFAULT_STATE = Path("/var/lib/cift-sandbox")
DEFAULT_CACHE = Path("/var/cache/cift-sandbox")


@dataclass(frozen=True)
class Layout:
    """The places and names of the lab whose state lives in `root`."""

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Layout:
        """The lab of `CIFT_SANDBOX_DIR`, with base trees in `CIFT_SANDBOX_CACHE`."""
        return cls(
            Path(os.environ.get("CIFT_SANDBOX_DIR") or DEFAULT_STATE).resolve(),
            Path(os.environ.get("CIFT_SANDBOX_CACHE") or DEFAULT_CACHE).resolve(),
        )

    @cached_property
    def id(self) -> str:
        """Six hex digits that tell this lab from others on the machine."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:6]

    @property
    def bridge(self) -> str:
        """Name of the lab's bridge (the kernel allows 15 characters)."""
        return f"cift-{self.id}"

    @property
    def veth_prefix(self) -> str:
        """What the names of the lab's host links begin with; the last octet of the host's address follows."""
        return f"cift{self.id}-"

    def veth(self, address: str) -> str:
        """Name of the machine's end of the link to the host with this address."""
        return self.veth_prefix + address.rsplit(".", 1)[1]

    @property
    def group(self) -> str:
        """Path of the lab's control group below the root of a hierarchy."""
        return f"cift-{self.id}"

    def machine(self, name: str) -> str:
        """The host's name among all containers of the machine."""
        return f"{name}-{self.id}"

    @property
    def records(self) -> Path:
        """What the lab knows about itself, as JSON."""
        return self.root / "lab.json"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the lab."""
        return self.root / "lock"

    @property
    def key(self) -> Path:
        """The private ssh key that opens every host of this lab."""
        return self.root / "id_ed25519"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`: one Host entry per host."""
        return self.root / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The hosts' own public keys."""
        return self.root / "known_hosts"

    @property
    def control(self) -> Path:
        """Folder for the sockets of shared ssh connections."""
        return self.root / "control"

    @property
    def proxy(self) -> Path:
        """Folder of the package proxy: configuration, allow list, log."""
        return self.root / "proxy"

    @property
    def hosts(self) -> Path:
        """Folder with one folder for each host."""
        return self.root / "hosts"

    def host(self, name: str) -> Path:
        """A host's folder: `upper`, `work`, `root`, `net`, `console.log`, `boot.json`."""
        return self.hosts / name
