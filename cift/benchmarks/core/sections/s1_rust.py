"""Books in Rust, called from Rust."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from cift.benchmarks.core import environments
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.rows import Row, Target
from cift.benchmarks.core.setting import Setting

TITLE = "One operation in Rust"
ABOUT = (
    "Each book carries out the mixed flow and tells its fills to the caller. The value is the mean of a whole run; "
    "percentiles come from runs with a clock around every operation, whose own cost is in them."
)
_ALLOCATIONS = "Allocations in Rust"
_TARGETS = [Target("value", "<=", 25.0), Target("p999", "<=", 1_000.0)]
_PEERS = {
    "matchcore": "matches, returns trades; numbers orders itself",
    "lobster": "matches, returns fills",
    "orderbook-rs": "matches, returns trades; made for many threads at once",
}
_OURS = "cift-engine"


def measure(setting: Setting) -> Iterator[Row]:
    """Yield the rows of ours and of each crate, then how often they allocate."""
    contests: dict[str, Contest] = {}
    for name in (_OURS, *_PEERS):
        try:
            program = environments.contest(setting, name)
        except environments.UnavailableError as error:
            yield Row(section=TITLE, name=name, unit="ns", why=str(error), version=environments.crate_version(name))
            continue
        command = [str(program), name, "{flow}", "{samples}", "{rounds}", "{seconds}"]
        note = _PEERS.get(name, "matches, tells fills to the caller's list")
        contests[name] = Contest(TITLE, name, command, note=note, ours=name == _OURS)
    for number in range(setting.passes):
        for name, contest in contests.items():
            setting.say(f"{TITLE}: {name}, pass {number + 1} of {setting.passes}")
            contest.run(replace(setting, rounds=2 * setting.rounds), setting.flow)
    for name, contest in contests.items():
        targets = _TARGETS if contest.ours else []
        yield contest.row(version=environments.crate_version(name), targets=targets)
    yield from _allocations(setting, list(contests))


class _Counted(msgspec.Struct):
    operations: int
    fresh: int
    warm: int | None


def _allocations(setting: Setting, names: list[str]) -> Iterator[Row]:
    for name in names:
        ours = name == _OURS
        setting.say(f"{_ALLOCATIONS}: {name}")
        program = environments.contest(setting, name, "allocations")
        ended = subprocess.run([program, name, setting.flow], capture_output=True, text=True, check=True)
        counted = msgspec.convert(json.loads(ended.stdout), _Counted)
        kinds = [("a book that grows", counted.fresh)]
        if counted.warm is not None:
            kinds.append(("a warm book", counted.warm))
        for kind, count in kinds:
            yield Row(
                section=_ALLOCATIONS,
                name=f"{name}: {kind}",
                unit="per operation",
                ours=ours,
                version=environments.crate_version(name),
                operations=counted.operations,
                value=count / counted.operations,
                targets=[Target("value", "<=", 0.0)] if kind == "a warm book" else [],
            )
