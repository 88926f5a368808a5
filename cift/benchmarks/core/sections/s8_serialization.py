"""Messages to bytes and back: Cap'n Proto in the core, against other libraries."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from cift.benchmarks import serialization
from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.setting import Setting
from cift.benchmarks.profile import FULL, QUICK

TITLE = "Serialization from Python"
ABOUT = (
    "Whole messages, and what zero-copy buys: one field out of a large batch. Each library gets and gives what is "
    "natural for it: structs, dicts, numpy columns."
)


def measure(setting: Setting) -> Iterator[Row]:
    """Yield the time of each operation by each library that is installed, the fastest first."""
    setting.say(TITLE)
    found = serialization.compare(QUICK if setting.quick else FULL)
    places = {operation: number for number, operation in enumerate(serialization.OPERATIONS)}
    for one in sorted(found, key=lambda one: (places[one.operation], median(one.runs))):
        yield Row(
            section=TITLE,
            name=f"{serialization.OPERATIONS[one.operation]}: {one.library}",
            unit="ns",
            ours=one.library == serialization.OURS,
            operations=len(one.runs),
            value=median(one.runs),
            best=min(one.runs),
            note=f"{one.size:,} bytes",
        )
