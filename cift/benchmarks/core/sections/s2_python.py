"""Books called from Python, a call for each operation."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from cift.benchmarks.core import environments
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.rows import Row, Target
from cift.benchmarks.core.setting import ROOT, Setting

TITLE = "One call from Python"
ABOUT = (
    "The same flow, one call for each operation, every package in an environment of its own. The loop that makes the "
    "calls costs all of them the same (first row). A package that does not match is told the fills; one that is slow "
    "is stopped when its time is up, and its mean is over the operations that it did."
)
_TARGETS = [Target("p50", "<=", 150.0), Target("p99", "<=", 1_000.0)]
_PEERS = ROOT / "cift" / "benchmarks" / "core" / "peers"
# package, extra, adapter, what it does
_PACKAGES = [
    ("order-book", "", "order_book_c", "C; sorted sizes by price only: does not match, no orders, no fills"),
    ("hftbacktest", "", "hftbacktest_replay", "Rust behind a numba class; replays a feed: does not match, no fills"),
    ("nautilus-trader", "", "nautilus_l3", "Rust; L3 book only: does not match, no fills"),
    ("limit-order-book", "", "limit_order_book_cpp", "C++ behind ctypes; matches, but tells no fills"),
    ("liquibook", "", "liquibook_cpp", "C++ behind SWIG; matches, fills to a listener in Python"),
    ("cython-orderbook", "", "cython_orderbook_adapter", "Cython; matches, fills to a log"),
    ("lightmatchingengine", "", "lightmatchingengine_adapter", "plain Python; matches, returns fills"),
    ("pyorderbook", "", "pyorderbook_adapter", "plain Python, decimals; matches, returns fills"),
    ("order-matching", "[polars]", "order_matching_adapter", "plain Python; matches by a second call, returns fills"),
]


def measure(setting: Setting) -> Iterator[Row]:
    """Yield the rows of the loop alone, of ours and of each package."""
    empty = _contest("loop", sys.executable, "nothing", "an empty function instead of a book")
    ours = _contest("cift_core", sys.executable, "cift_call", "matches, returns fills", ours=True)
    contests = [empty, ours]
    missing = []
    for package, extra, adapter, note in _PACKAGES:
        try:
            interpreter = environments.python(setting, package, extra)
        except environments.UnavailableError as error:
            missing.append(Row(section=TITLE, name=package, unit="ns", note=note, why=str(error)))
        else:
            contests.append(_contest(package, str(interpreter), adapter, note))
    for number in range(setting.passes):
        for contest in contests:
            setting.say(f"{TITLE}: {contest.name}, pass {number + 1} of {setting.passes}")
            contest.run(setting, setting.flow)
    for contest in contests:
        yield contest.row(targets=_TARGETS if contest.ours else [])
    yield from missing


def _contest(name: str, interpreter: str, adapter: str, note: str, *, ours: bool = False) -> Contest:
    options = ["--rounds", "{rounds}", "--seconds", "{seconds}"]
    command = [interpreter, str(_PEERS / "runner.py"), adapter, "{flow}", "{samples}", *options]
    return Contest(TITLE, name, command, note=note, ours=ours)
