"""What the host's services hold: memory, descriptors, threads, and how far they lag, at even intervals."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import msgspec

#: Services of a CIFT host, by the names that systemd knows.
UNITS = (
    "cift-*.service", "nats.service", "chdb.service", "clickhouse-*.service", "dragonfly.service", "valkey-*.service",
    "redis-*.service", "postgresql@*.service", "questdb.service",
)  # fmt: skip
_FIGURES = ("memory", "descriptors", "threads")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A unit, the process that it began with, and its control group."""

    name: str
    pid: int
    group: Path


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by what they are of: `nats.service memory` in bytes, `engine lag` in messages.

    `restarted` names the services whose process is another one than at the start.
    """

    figures: dict[str, float]
    restarted: list[str] = []


def running(patterns: Sequence[str] = UNITS) -> list[Service]:
    """Return the services that run now."""
    said = _systemctl("show", "--property=Id,MainPID,ControlGroup", *_names(patterns))
    services = []
    for block in said.split("\n\n"):
        found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if int(found.get("MainPID", "0")):
            group = Path("/sys/fs/cgroup") / found["ControlGroup"].lstrip("/")
            services.append(Service(name=found["Id"], pid=int(found["MainPID"]), group=group))
    return services


def sample(services: Sequence[Service], health: Callable[[], dict[str, float]]) -> Sample:
    """Look at every service once."""
    figures: dict[str, float] = {}
    restarted = []
    for service in services:
        try:
            found = (
                _anonymous(service.group),
                float(sum(1 for _ in Path(f"/proc/{service.pid}/fd").iterdir())),
                float((service.group / "pids.current").read_text()),
            )
        except (FileNotFoundError, ProcessLookupError):
            restarted.append(service.name)
            continue
        figures |= {f"{service.name} {figure}": value for figure, value in zip(_FIGURES, found, strict=True)}
    return Sample(figures=figures | health(), restarted=restarted)


def lags(client: httpx.Client) -> dict[str, float]:
    """Return what the API's /health tells of lags, in messages; nothing while it doesn't answer."""
    try:
        dependencies = client.get("/health").json().get("dependencies", {})
    except (httpx.HTTPError, ValueError):
        return {}
    return {f"{name} lag": float(each["lag"]) for name, each in dependencies.items() if each.get("lag") is not None}


def _anonymous(group: Path) -> float:
    """Return the bytes that are no copy of a file: what a leak adds to, and the page cache doesn't."""
    for line in (group / "memory.stat").read_text().splitlines():
        if line.startswith("anon "):
            return float(line.split()[1])
    return 0.0


def _names(patterns: Sequence[str]) -> list[str]:
    said = _systemctl("list-units", "--type=service", "--state=running", "--plain", "--no-legend", *patterns)
    return [line.split()[0] for line in said.splitlines() if line]


def _systemctl(*arguments: str) -> str:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=True).stdout
