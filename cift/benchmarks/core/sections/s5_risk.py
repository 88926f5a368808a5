"""The pre-trade check: in Rust with every limit on, and from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import thread_time_ns
from typing import Any

import msgspec

from cift.benchmarks.core import cargo_bench
from cift.benchmarks.core.rows import Row, Target
from cift.benchmarks.core.setting import Setting

TITLE = "Risk check"
ABOUT = (
    "In Rust: the stateful engine, every limit on, 64 users in 16 symbols. From Python: one call with its arguments."
)
_RUST, _PYTHON = Target("value", "<=", 15.0), Target("value", "<=", 120.0)
_CHECKS = 100_000


class _Bench(msgspec.Struct):
    orders: int
    check_ns: float
    check_accept_release_ns: float
    preview_ns: float
    p50_ns: float
    p99_ns: float
    p999_ns: float
    max_ns: float
    clock_ns: float


def measure(setting: Setting) -> Iterator[Row]:
    """Yield the checks in Rust, then those from Python."""
    setting.say(f"{TITLE}: in Rust")
    try:
        found = msgspec.json.decode(cargo_bench.output(setting, "risk"), type=_Bench)
    except (cargo_bench.BenchError, msgspec.DecodeError) as error:
        yield Row(section=TITLE, name="in Rust, every limit on", unit="ns", ours=True, why=str(error))
    else:
        common = {"section": TITLE, "unit": "ns", "ours": True, "operations": found.orders}
        yield Row(
            name="in Rust, every limit on",
            value=found.check_ns,
            p50=found.p50_ns,
            p99=found.p99_ns,
            p999=found.p999_ns,
            max=found.max_ns,
            note=f"percentiles with a clock of {found.clock_ns:.0f} ns",
            targets=[_RUST],
            **common,  # type: ignore[arg-type]
        )
        yield Row(name="in Rust, asked only, nothing recorded", value=found.preview_ns, **common)  # type: ignore[arg-type]
        yield Row(
            name="in Rust, check, hold and release",
            value=found.check_accept_release_ns,
            **common,  # type: ignore[arg-type]
        )
    setting.say(f"{TITLE}: from Python")
    yield from _from_python(max(5, setting.passes * setting.rounds))


def _from_python(runs: int) -> Iterator[Row]:
    from cift_core import FastRiskEngine

    engine = FastRiskEngine(1e6, 1e9, 10.0)
    arguments = ("AAPL", "buy", 100.0, 150.25, 5_000.0, 1e6)
    for name, call in (("check_order", engine.check_order), ("no check: the loop alone", _nothing)):
        found = [_each(call, arguments) for _ in range(runs)]
        ours = call is not _nothing
        yield Row(
            section=TITLE,
            name=f"from Python, {name}",
            unit="ns",
            ours=ours,
            operations=_CHECKS,
            value=median(found),
            best=min(found),
            targets=[_PYTHON] if ours else [],
        )


def _each(call: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    start = thread_time_ns()
    for _ in range(_CHECKS):
        call(*arguments)
    return (thread_time_ns() - start) / _CHECKS


def _nothing(symbol: str, side: str, quantity: float, price: float, position: float, value: float) -> None:
    pass
