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
OURSELVES = "cift-soak.service"
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
        if int(found.get("MainPID", "0")) and found["Id"] != OURSELVES:
            group = Path("/sys/fs/cgroup") / found["ControlGroup"].lstrip("/")
            services.append(Service(name=found["Id"], pid=int(found["MainPID"]), group=group))
    return services


def sample(services: Sequence[Service], health: Callable[[], dict[str, float]]) -> Sample:
    """Look at every service once."""
    figures: dict[str, float] = {}
    restarted = []
    for service in services:
        processes = _processes(service.group)
        if service.pid not in processes:
            restarted.append(service.name)
            continue
        found = [_process(pid) for pid in processes]
        figures |= {
            f"{service.name} {figure}": float(sum(values))
            for figure, values in zip(_FIGURES, zip(*found, strict=True), strict=True)
        }
    return Sample(figures=figures | health(), restarted=restarted)


def lags(client: httpx.Client) -> dict[str, float]:
    """Return what the API's /health tells of lags, in messages; nothing while it doesn't answer."""
    try:
        dependencies = client.get("/health").json().get("dependencies", {})
    except (httpx.HTTPError, ValueError):
        return {}
    return {f"{name} lag": float(each["lag"]) for name, each in dependencies.items() if each.get("lag") is not None}


def _processes(group: Path) -> list[int]:
    """Return the processes of a control group and of those below it; none where it is no more."""
    return [int(pid) for file in group.rglob("cgroup.procs") for pid in file.read_text().split()]


def _process(pid: int) -> tuple[int, int, int]:
    """Return a process's bytes that are no copy of a file, its descriptors and its threads; zeros once it has ended.

    Not the control group's own accounts: a container may have none.
    """
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return int(status.get("RssAnon", "0").split()[0]) * 1_024, descriptors, int(status["Threads"])
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0


def _names(patterns: Sequence[str]) -> list[str]:
    said = _systemctl("list-units", "--type=service", "--state=running", "--plain", "--no-legend", *patterns)
    return [line.split()[0] for line in said.splitlines() if line]


def _systemctl(*arguments: str) -> str:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=True).stdout
