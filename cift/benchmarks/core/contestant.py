"""One contestant's runs: a process that takes a flow and prints what it measured, whatever it is written in."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
import numpy.typing as npt

from cift.benchmarks.core.rows import Row, Target, percentiles
from cift.benchmarks.core.setting import Setting

_PATIENCE = 180


class Report(msgspec.Struct):
    """What a contestant prints: (operations, nanoseconds) of whole runs, and how many samples each clocked run gave.

    `traded` are the lots that it told as filled, out of the `expected`; None if it tells none.
    """

    runs: list[tuple[int, int]]
    expected: int
    sampled: list[int] = []
    traded: int | None = None
    version: str = ""


class ContestError(Exception):
    """A contestant that could not run, in one line."""


class Contest:
    """The runs of one contestant, gathered over several passes."""

    def __init__(self, section: str, name: str, command: Sequence[str], *, note: str, ours: bool = False) -> None:
        """Arguments `{flow}`, `{samples}`, `{rounds}` and `{seconds}` of the command are filled in."""
        self.section, self.name, self.note, self.ours = section, name, note, ours
        self._command = list(command)
        self._runs: list[float] = []
        self._operations = 0
        self._samples: list[npt.NDArray[np.int64]] = []
        self._version = ""
        self._agrees: set[bool] = set()
        self._failed = ""

    @property
    def runs(self) -> list[float]:
        """Return nanoseconds per operation of every whole run so far."""
        return list(self._runs)

    def run(self, setting: Setting, flow: Path) -> None:
        """Run it once more; a failure is kept for the row, and ends further tries."""
        if self._failed:
            return
        try:
            self._take(*_outcome(self._command, setting, flow))
        except ContestError as error:
            self._failed = str(error)

    def row(self, *, version: str = "", targets: Sequence[Target] = (), at: float | None = None) -> Row:
        """Return the median of all runs, or why there are none."""
        note = self.note
        if True in self._agrees and False not in self._agrees:
            note += "; same fills as ours" if not self.ours else ""
        elif False in self._agrees:
            note += "; OTHER FILLS than ours"
        row = Row(
            section=self.section,
            name=self.name,
            unit="ns",
            ours=self.ours,
            version=version or self._version,
            note=note,
            targets=list(targets),
            at=at,
            why=self._failed,
        )
        if not self._runs:
            return row
        row = msgspec.structs.replace(
            row, operations=self._operations, value=median(self._runs), best=min(self._runs), why=""
        )
        return (
            msgspec.structs.replace(row, **msgspec.structs.asdict(percentiles(self._samples))) if self._samples else row
        )

    def _take(self, report: Report, samples: npt.NDArray[np.int64]) -> None:
        self._runs += [spent / operations for operations, spent in report.runs]
        self._operations = max(operations for operations, _ in report.runs)
        self._samples += [part for part in np.split(samples, np.cumsum(report.sampled)[:-1]) if part.size]
        self._version = report.version or self._version
        if report.traded is not None:
            self._agrees.add(report.traded == report.expected)


def _outcome(command: list[str], setting: Setting, flow: Path) -> tuple[Report, npt.NDArray[np.int64]]:
    with tempfile.NamedTemporaryFile(dir=setting.folder, suffix=".samples") as samples:
        values = {"flow": flow, "samples": samples.name, "rounds": setting.rounds, "seconds": setting.seconds}
        filled = [str(values.get(part[1:-1], part)) if part.startswith("{") else part for part in command]
        argv = ["taskset", "-c", str(setting.processor), *filled]
        try:
            ended = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise ContestError(f"no result after {_PATIENCE} s") from None
        except OSError as error:
            raise ContestError(f"{error.strerror}: {error.filename}") from error
        if ended.returncode:
            last = ended.stderr.strip().splitlines()[-1:] or [f"exit status {ended.returncode}"]
            raise ContestError(last[0])
        try:
            report = msgspec.json.decode(ended.stdout.strip().splitlines()[-1:][0], type=Report)
        except (IndexError, msgspec.DecodeError) as error:
            raise ContestError(f"its output can't be read: {error}") from error
        return report, np.fromfile(samples.name, dtype="<u4").astype(np.int64)
