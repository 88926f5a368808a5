"""A measuring program run to its end, or ended: it never outlives whoever wanted its figures.

Three things can go wrong with a program that keeps CPUs busy at real-time priority for hours. The module that started
it is killed: the kernel then kills the program too (`setpriv --pdeathsig`). The controller goes away: it no longer asks
how far it is, and after a while of that the run is given up. The program itself hangs: it has a time limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRESS = "/run/cift-proof/progress.json"
ASKED = "/run/cift-proof/asked"
GRACE_S = 30.0
_STEP_S = 0.2


class EndedError(Exception):
    """A program that gave no result; the message says how it ended."""


class Progress:
    """How far a run is, in a file that whoever waits for it reads, and whether anybody still waits.

    `patience` is how long, in seconds, nobody may ask before the run is given up; None doesn't look.
    """

    def __init__(self, root: Path = Path("/"), patience: float | None = None) -> None:
        self.file, self.asked = root / PROGRESS.lstrip("/"), root / ASKED.lstrip("/")
        self.patience, self.started = patience, time.time()

    def say(self, text: str, elapsed: float, total: float, *, done: bool = False) -> None:
        """Write down what runs, for how many seconds of how many."""
        known = {"what": text, "elapsed": round(elapsed, 1), "total": round(total, 1), "done": done, "pid": os.getpid()}
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial = self.file.with_suffix(".partial")
            partial.write_text(json.dumps(known))
            partial.replace(self.file)

    def abandoned(self) -> bool:
        """Return whether nobody has asked for longer than the patience lasts."""
        if self.patience is None:
            return False
        with contextlib.suppress(OSError):
            return time.time() - max(self.asked.stat().st_mtime, self.started) > self.patience
        return time.time() - self.started > self.patience


def measure(
    command: list[str], seconds: float, progress: Progress, say: Callable[[float], None], result: str = "--json="
) -> tuple[dict[str, Any], str]:
    """Run a program of rt-tests that takes `seconds` and return its JSON and what it printed.

    Raises:
        EndedError: it failed, was killed, took far longer, or nobody waited for it any more.
    """
    with tempfile.TemporaryDirectory(prefix="cift-proof-") as folder:
        output = Path(folder, "result.json")
        argv = [*command, f"{result}{output}"] if result else command
        printed, status = run(argv, seconds, progress, say)
        if status != 0:
            # Also where it left figures: half a run is no run.
            raise EndedError(_how(argv[0], status, printed))
        if not result:
            return {}, printed
        try:
            return json.loads(output.read_text()), printed
        except (OSError, ValueError) as error:
            raise EndedError(f"{argv[0]} left no result that can be read: {error}") from error


def run(argv: list[str], seconds: float, progress: Progress, say: Callable[[float], None]) -> tuple[str, int]:
    """Run a program and return what it printed and its exit status; it is dead when this returns or raises."""
    guarded = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    started = time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as printed,
        subprocess.Popen(
            guarded, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, env=environment
        ) as child,
    ):
        try:
            while (status := child.poll()) is None:
                elapsed = time.monotonic() - started
                say(elapsed)
                if elapsed > seconds + GRACE_S:
                    raise EndedError(f"{argv[0]} didn't end {GRACE_S:.0f} s after its {seconds:.0f} s")
                if progress.abandoned():
                    raise EndedError(f"{argv[0]} was ended after {elapsed:.0f} s: nobody waits for it any more")
                time.sleep(min(_STEP_S, max(seconds / 10, 0.01)))
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        printed.seek(0)
        return printed.read(), status


def _how(program: str, status: int, printed: str) -> str:
    lines = [line for line in printed.strip().splitlines() if line.strip()]
    last = lines[-1].strip() if lines else "no message"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"{program} was killed by {signal.Signals(-status).name} before it had a result"
    return f"{program} ended with exit status {status}: {last}"
