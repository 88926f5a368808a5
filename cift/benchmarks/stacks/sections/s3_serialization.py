"""MessagePack against Cap'n Proto, and JSON beside them: whole messages, and one field of a large batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version

from cift.benchmarks import serialization
from cift.benchmarks.profile import FULL
from cift.benchmarks.stacks.rows import Found, Row, Stack, case
from cift.benchmarks.stacks.setting import Setting

TITLE = "Serialization: MessagePack against Cap'n Proto"
ABOUT = (
    "The same order, fill and 10,000 ticks through every library, each given and giving what is natural for it: dicts, "
    "structs, numpy columns. Cap'n Proto is the Rust core's; its readers look into the bytes and decode nothing, so "
    "that one field of a batch costs the same whatever the batch's size: there any factor can be had, and grows with "
    "the batch. Who wants all of a message in Python pays for Python's objects in any format."
)
_OLD = "msgpack"


def measure(setting: Setting) -> Iterator[Found]:
    """Yield nanoseconds of each operation by each library, and what became of MessagePack's."""
    setting.say("every library in turns, operation by operation")
    profile = replace(FULL, repetitions=setting.rounds)
    found = serialization.compare(profile)
    for library in ("msgpack", "msgspec", "orjson", "pyarrow", "pycapnp"):
        setting.versions[library] = version(library)
    for operation, what in serialization.OPERATIONS.items():
        rows = {
            one.library: Row(
                what=what, system=one.library, stack=_stack(one.library), unit="ns", runs=one.runs,
                tail=f"{one.size:,} bytes",
            )
            for one in found
            if one.operation == operation
        }  # fmt: skip
        yield from rows.values()
        if _OLD in rows:
            yield from case("serialization", what, rows[_OLD], rows[serialization.OURS])
        else:
            yield Row(what=what, system=_OLD, stack="old", unit="ns", why="msgpack is not installed: see cift[bench]")


def _stack(library: str) -> Stack:
    return {_OLD: "old", serialization.OURS: "new"}.get(library, "beside")  # type: ignore[return-value]
