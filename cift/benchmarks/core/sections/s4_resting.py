"""What an operation costs as the book grows, in Rust: ours and the nearest peer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cift.benchmarks.core import environments, flow
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.setting import Setting

TITLE = "Cost by the number of resting orders"
ABOUT = "The mixed flow on a book in which so many orders rest already, on the same hundred levels."
_RESTING = (1_000, 10_000, 100_000, 1_000_000, 5_000_000)
_OPERATIONS = 100_000


def measure(setting: Setting) -> Iterator[Row]:
    """Yield a row for each size of the book."""
    try:
        program = environments.contest(setting, "cift-engine")
    except environments.UnavailableError as error:
        yield Row(section=TITLE, name="cift-engine", unit="ns", ours=True, why=str(error))
        return
    for resting in _RESTING[:3] if setting.quick else _RESTING:
        setting.say(f"{TITLE}: {resting:,}")
        made = flow.make(setting.folder / "flows", resting=resting, operations=_OPERATIONS)
        name = f"{resting:,} resting"
        command = [str(program), "cift-engine", "{flow}", "{samples}", "{rounds}", "{seconds}"]
        contest = Contest(TITLE, name, command, note="", ours=True)
        contest.run(replace(setting, rounds=max(5, setting.rounds)), flow.path(made))
        flow.remove(made)
        yield contest.row(at=float(resting))
