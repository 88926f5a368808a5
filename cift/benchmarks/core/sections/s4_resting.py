"""What an operation costs as the book grows: ours one at a time in Rust and in batches from Python, and a peer's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from time import thread_time_ns

import msgspec

from cift.benchmarks.core import environments, flow
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.sections import s3_batches
from cift.benchmarks.core.setting import Setting

TITLE = "Cost by the number of resting orders"
ABOUT = (
    "The mixed flow on a book in which so many orders rest already, on the same hundred levels. One at a time, an "
    "order waits for memory that no cache holds; in a batch the core fetches what the next commands will touch."
)
_RESTING = (1_000, 10_000, 100_000, 1_000_000, 5_000_000)
_OPERATIONS = 100_000
_BATCH = 10_000
_RUST = {"cift-engine": "one at a time, in Rust", "matchcore": "the nearest peer, in Rust"}


def measure(setting: Setting) -> Iterator[Row]:
    """Yield a row for each size of the book, and each way to call."""
    contests = {}
    for name in _RUST:
        try:
            contests[name] = environments.contest(setting, name)
        except environments.UnavailableError as error:
            yield Row(section=TITLE, name=name, unit="ns", ours=name == "cift-engine", why=str(error))
    for resting in _RESTING[:3] if setting.quick else _RESTING:
        made = flow.make(setting.folder / "flows", resting=resting, operations=_OPERATIONS)
        try:
            for name, program in contests.items():
                setting.say(f"{TITLE}: {resting:,}, {name}")
                command = [str(program), name, "{flow}", "{samples}", "{rounds}", "{seconds}"]
                ours = name == "cift-engine"
                contest = Contest(TITLE, f"{name}, {resting:,} resting", command, note=_RUST[name], ours=ours)
                contest.run(replace(setting, rounds=max(5, setting.rounds)), flow.path(made))
                yield msgspec.structs.replace(contest.row(at=float(resting)), series=name)
            setting.say(f"{TITLE}: {resting:,}, in batches")
            yield _in_batches(made, resting, max(5, setting.rounds))
        finally:
            flow.remove(made)


def _in_batches(made: flow.Flow, resting: int, runs: int) -> Row:
    spent = [s3_batches.run(made, _BATCH, thread_time_ns) for _ in range(runs)]
    return Row(
        section=TITLE,
        name=f"submit_batch, {resting:,} resting",
        series="cift-engine in batches",
        note=f"{_BATCH:,} commands a call, from Python",
        unit="ns",
        ours=True,
        operations=_OPERATIONS,
        value=median(spent),
        best=min(spent),
        at=float(resting),
    )
