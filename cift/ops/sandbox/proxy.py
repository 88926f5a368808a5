"""The hosts' only way out: tinyproxy on the bridge, which knows where this machine has its packages from."""

from __future__ import annotations

import pwd
import re
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from cift.ops.sandbox import cgroups
from cift.ops.sandbox.errors import SandboxError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.machine import Way
from cift.ops.sandbox.records import write_atomically

PORT = 3128


def group(layout: Layout) -> str:
    """The proxy's control group."""
    return f"{layout.group}/proxy"


def allow_list(way: Way) -> str:
    """Tinyproxy's filter file: a regular expression a line, matched against the host that is asked for."""
    return "".join(f"^{re.escape(host)}$\n" for host in sorted({host for host, _ in way.hosts}))


def configuration(layout: Layout, address: str, way: Way) -> str:
    """Tinyproxy's configuration."""
    ports = sorted({port for _, port in way.hosts} | {80, 443})
    lines = [
        f"User {_user()}",
        f"Listen {address}",
        f"Port {PORT}",
        "Timeout 600",
        "MaxClients 200",
        "LogLevel Connect",
        "DisableViaHeader Yes",
        f"Allow {address}/24",
        f'Filter "{layout.proxy / "allow"}"',
        "FilterType ere",
        "FilterDefaultDeny Yes",
        "FilterCaseSensitive No",
        *(f"ConnectPort {port}" for port in ports),
    ]
    if way.upstream:
        parts = urlsplit(way.upstream if "://" in way.upstream else f"http://{way.upstream}")
        user = f"{parts.username}:{parts.password}@" if parts.username else ""
        lines.append(f"Upstream http {user}{parts.hostname}:{parts.port or 3128}")
        lines += [f'Upstream none "{name}"' for name in way.direct]
    return "\n".join(lines) + "\n"


def ensure(layout: Layout, address: str, way: Way) -> None:
    """Make sure that the proxy runs with today's configuration.

    Raises:
        SandboxError: it does not start; what it said is in the message.
    """
    layout.proxy.mkdir(exist_ok=True)
    wanted = {"tinyproxy.conf": configuration(layout, address, way), "allow": allow_list(way)}
    same = all(_read(layout.proxy / name) == content for name, content in wanted.items())
    if same and cgroups.populated(group(layout)) and _listens(address):
        return
    cgroups.remove(group(layout))
    for name, content in wanted.items():
        write_atomically(layout.proxy / name, content.encode())
    cgroups.create(group(layout))
    with (layout.proxy / "log").open("wb") as log:
        process = subprocess.Popen(
            ["tinyproxy", "-d", "-c", layout.proxy / "tinyproxy.conf"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=cgroups.entering(group(layout)),
        )
    deadline = time.monotonic() + 10
    while not _listens(address):
        if process.poll() is not None or time.monotonic() > deadline:
            said = _read(layout.proxy / "log").strip().splitlines()
            raise SandboxError(
                f"the package proxy does not start on {address}:{PORT}: {said[-1] if said else 'no word'}"
            )
        time.sleep(0.05)


def _user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "tinyproxy" if "tinyproxy" in known else "nobody"


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _listens(address: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, PORT)) == 0
