"""What a lab remembers, and the lock that keeps two `cift` from changing it at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout


class HostRecord(msgspec.Struct):
    """One host. `wanted` turns to `down` before anything of it is removed: its supervisor then boots it no more."""

    name: str
    codename: str
    address: str
    base: str
    wanted: Literal["up", "down"] = "up"
    host_key: str = ""
    boot_seconds: float | None = None


class LabRecord(msgspec.Struct):
    """The lab: its /24 and its hosts by name."""

    subnet: str | None = None
    hosts: dict[str, HostRecord] = {}


def load(layout: Layout) -> LabRecord:
    """Read the lab's records; a lab that is not there has none.

    Raises:
        RefusedError: the file is not one that this program wrote.
    """
    try:
        return msgspec.json.decode(layout.records.read_bytes(), type=LabRecord)
    except FileNotFoundError:
        return LabRecord()
    except msgspec.MsgspecError as error:
        raise RefusedError(
            f"{layout.records} cannot be read ({error}); remove it and run 'cift sandbox down'"
        ) from error


def save(layout: Layout, record: LabRecord) -> None:
    """Write the lab's records in one step."""
    write_atomically(layout.records, msgspec.json.format(msgspec.json.encode(record), indent=2))


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file so that a reader sees the old or the new content and nothing in between."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.chmod(mode)
    draft.replace(path)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on a file; `waiting` is called once if another process has it.

    The kernel drops the lock with the process, so a killed `cift` never leaves it behind. Whoever removes the folder
    does so under the lock; the next one notices that it locked a file without a name, and begins again.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _same_file(descriptor, path):
                continue
            yield
            return
        finally:
            os.close(descriptor)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
