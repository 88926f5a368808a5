"""One process for a rack that belongs to another process: says while a guest boots, and removes the rack at the end.

Run as `python -m cift.ops.machine.owner STATE_FOLDER CACHE_FOLDER WORD`. A test that is killed can't clean up after
itself; this one sees its end, whatever kind of end it was, and calls `down`. It holds the process itself (a pidfd) and
not its number, which the kernel gives to another one later. The word, the process's number first, is also in the rack's
file `owner`: a rack that was removed meanwhile and opened again for somebody else is not touched.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cift.ops.machine.rack import Rack
from cift.ops.sandbox import host, records
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout

FILE = "owner"
PERIOD = 10.0
"""Seconds between two lines about a guest that boots."""

Tell = Callable[[str], None]


def start(layout: Layout, pid: int) -> None:
    """Have the rack removed once the process ends.

    Raises:
        RefusedError: there is no such process.
    """
    if not Path(f"/proc/{pid}").is_dir():
        raise RefusedError(f"owner {pid}: no such process; expected the number of one that runs")
    word = f"{pid} {time.monotonic_ns()}"
    records.write_atomically(layout.root / FILE, word.encode())
    subprocess.Popen(
        [sys.executable, "-m", "cift.ops.machine.owner", layout.root, layout.cache, word],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def teller(pid: int) -> Tell:
    """How a line gets to whom the process talks: to its own standard error, as long as that is open."""

    def tell(line: str) -> None:
        with contextlib.suppress(OSError), Path(f"/proc/{pid}/fd/2").open("a") as channel:
            channel.write(f"{line}\n")

    return tell


def attend(layout: Layout, pid: int, tell: Tell, period: float = PERIOD) -> None:
    """Return when the process has ended; until then, a line each `period` seconds for every machine that boots."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        while not select.select([handle], [], [], period)[0]:
            for line in booting(layout):
                tell(line)
    finally:
        os.close(handle)


def booting(layout: Layout) -> list[str]:
    """A line for each machine that doesn't answer yet, with the seconds since its power-on."""
    lines = []
    for row in Rack(layout).machines():
        boot = host.last_boot(layout, row.name)
        if row.state == "booting" and boot is not None:
            lines.append(f"{row.name}: boot {boot.count}, {time.monotonic() - boot.monotonic:.0f} s since power-on")
    return lines


def owned(layout: Layout, word: str) -> bool:
    """Whether the rack is still the one that was given to the process."""
    try:
        return (layout.root / FILE).read_text() == word
    except FileNotFoundError:
        return False


def main(state: str, cache: str, word: str) -> None:
    """Wait for the process's end and remove the rack."""
    layout, pid = Layout(Path(state), Path(cache)), int(word.split()[0])
    attend(layout, pid, teller(pid))
    if owned(layout, word):
        Rack(layout).down()


if __name__ == "__main__":
    main(*sys.argv[1:])
