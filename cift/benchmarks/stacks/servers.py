"""Servers of one section: on a free port of loopback, in a temporary folder, ended when the section is."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cift.benchmarks.core.environments import UnavailableError

_START_S, _END_S = 60.0, 30.0


def program(name: str, *, package: str, folders: str = "") -> str:
    """Return the path of a program: from the PATH, or the last of the folders that the pattern finds.

    Raises:
        UnavailableError: it is not installed.
    """
    found = shutil.which(name)
    if found is None and folders:
        others = sorted(Path("/").glob(f"{folders.lstrip('/')}/{name}"))
        found = str(others[-1]) if others else None
    if found is None:
        raise UnavailableError(f"{name} is not installed here; it is in the package {package}")
    return found


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def folder(prefix: str, *, owner: str = "") -> Iterator[Path]:
    """Make a temporary folder, another user's where root makes it for a program that refuses to be root."""
    path = Path(tempfile.mkdtemp(prefix=f"cift-bench-{prefix}-"))
    try:
        if owner and os.geteuid() == 0:
            shutil.chown(path, owner, owner)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def step_down(user: str) -> dict[str, Any]:
    """Return what `subprocess` is told so that a program of root's runs as `user`; nothing for others.

    Raises:
        UnavailableError: there is no such user.
    """
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise UnavailableError(f"no user {user} on this machine; its package makes it") from error
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    ready: Callable[[], bool] | None = None,
    variables: Mapping[str, str] | None = None,
    **more: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until `ready` (its port takes connections, unless told otherwise), and end it by its id.

    Raises:
        UnavailableError: it ended or stayed silent; the log's last line is in the message.
    """
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=os.environ | dict(variables or {}), **more
        )
    try:
        _wait(process, Path(command[0]).name, log, ready or (lambda: _listens(port)))
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], name: str, log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_S
    while not ready():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
            how = f"ended with {ended}" if ended is not None else f"is not ready after {_START_S:.0f} s"
            raise UnavailableError(f"{name} {how}: {last.strip()}")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def version(command: Sequence[str], pick: Callable[[str], str]) -> str:
    """Return what a program says of its version; `pick` takes it out of the text."""
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return pick((said.stdout or said.stderr).strip())
