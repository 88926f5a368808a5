"""The figures a host must reach: read from a file, held against the measured rows.

A targets file is a JSON list, one object per target (an inventory's `benchmark_targets`, written as it is):

    [{"row": "matching", "metric": "p99", "op": "<", "value": 10, "unit": "us", "why": "the guide's step 7"}, ...]

`row` is the key of a measured row (see `ROWS`) and carries at most one target; `metric` is one of its figures; `unit`
is the row's own unit: a target in another one is an error, not a conversion, so that a file says just what is compared.
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Literal

import msgspec

from cift.benchmarks import queries
from cift.benchmarks.measure import Row, Unit, Verdict

#: Every row that can carry a target, with its unit and what it is.
ROWS: dict[str, tuple[Unit, str]] = {
    "matching": ("us", "one call on FastOrderBook in a mixed flow of adds, cancels and crossing orders"),
    "matching_batch": ("ops/s", "FastOrderBook.submit_batch, 10,000 commands of the same flow a call"),
    "risk": ("us", "one call of FastRiskEngine.check_order"),
    "market_vwap": ("us", "FastMarketData.calculate_vwap of 1,000 ticks"),
    "market_ofi": ("us", "FastMarketData.calculate_ofi of 1,000 volumes"),
    "market_microprice": ("us", "FastMarketData.calculate_microprice"),
    "wire_ticks_field": ("ops/s", "Cap'n Proto: bytes of 10,000 ticks to one price"),
    "wire_events_field": ("ops/s", "Cap'n Proto: bytes of 10,000 fills to one price"),
    "wire_ticks_columns": ("ops/s", "Cap'n Proto: bytes of 10,000 ticks to the sum of every column"),
    "wire_ticks_encode": ("ops/s", "Cap'n Proto: 10,000 ticks to bytes"),
    "wire_ticks_objects": ("ops/s", "Cap'n Proto: bytes of 10,000 ticks to Python objects"),
    "wire_order_encode": ("ops/s", "Cap'n Proto: order to bytes"),
    "wire_order_decode": ("ops/s", "Cap'n Proto: bytes to order"),
    "wire_event_encode": ("ops/s", "Cap'n Proto: fill to bytes"),
    "wire_event_decode": ("ops/s", "Cap'n Proto: bytes to fill"),
    "messages": ("ms", "NATS core: publish to receive"),
    "request_reply": ("ms", "NATS core: request to reply"),
    "journal": ("ms", "JetStream: publish to acknowledgement, on disk"),
    "journal_r3": ("ms", "JetStream: publish to acknowledgement, on three servers' disks"),
    "analytics": ("ms", "one-minute bars with VWAP over 1,000,000 ticks"),
    **{
        f"query_{query.name}{ending}": ("ms", f"{query.title}, the profile's ticks, {state}")
        for query in queries.load()
        for ending, state in (("", "warm"), ("_cold", "cold"))
    },
    "cache": ("ops/s", "GET and SET, half and half, pipelined"),
    "cache_get": ("ops/s", "GET, pipelined"),
    "cache_set": ("ops/s", "SET, pipelined"),
    "cache_single": ("ops/s", "GET and SET in turns, one at a time on each connection"),
    "end_to_end": ("ms", "HTTP request of a crossing order to its fill in the response"),
    "jitter_wakeup": ("us", "cyclictest: how late a thread wakes up"),
    "jitter_busy": ("us", "oslat: how long a busy thread is held up"),
    "network": ("us", "sockperf: a message over TCP to another host and back"),
}


_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class TargetError(ValueError):
    """A targets file that says something impossible; the message names the file and the field."""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure to reach: `metric` of `row` must be below (`<`, `<=`) or above (`>`, `>=`) `value` in `unit`.

    `goal` is a stricter value of the same kind: what the host is built for, and fails nothing.
    """

    row: str
    metric: Literal["mean", "p50", "p95", "p99", "p999", "max", "value"]
    op: Literal["<", "<=", ">", ">="]
    value: float
    unit: Unit
    why: str
    goal: float | None = None

    def verdict(self, measured: float) -> Verdict:
        """Return what a measured figure, in the target's unit, reaches."""
        reaches = _COMPARED[self.op]
        if not reaches(measured, self.value):
            return "failed"
        return "goal reached" if self.goal is not None and reaches(measured, self.goal) else "passed"


def load_targets(path: Path) -> list[Target]:
    """Read a targets file.

    Raises:
        TargetError: the file can't be read, isn't such a list, or names a row, metric or unit that doesn't exist.
    """
    try:
        targets = msgspec.json.decode(path.read_bytes(), type=list[Target])
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}; name a JSON file with a list of targets") from error
    except msgspec.DecodeError as error:
        raise TargetError(f"{path}: {error}; expected a JSON list of {{row, metric, op, value, unit, why}}") from error
    seen: set[str] = set()
    for index, target in enumerate(targets):
        where = f"{path}: target {index}"
        if target.row not in ROWS:
            raise TargetError(f"{where}: row {target.row!r} is not measured; choose one of {', '.join(ROWS)}")
        if target.row in seen:
            raise TargetError(f"{where}: row {target.row!r} already has a target; keep one of them")
        seen.add(target.row)
        unit = ROWS[target.row][0]
        if target.unit != unit:
            raise TargetError(f"{where}: unit {target.unit!r}, but {target.row} is measured in {unit!r}")
        if (unit == "ops/s") != (target.metric == "value"):
            wanted = "value" if unit == "ops/s" else "mean, p50, p95, p99, p999 or max"
            raise TargetError(f"{where}: {target.row} has no metric {target.metric!r}; choose {wanted}")
        if target.goal is not None and not _COMPARED[target.op[0]](target.goal, target.value):
            raise TargetError(f"{where}: goal {target.goal:g} is no stricter than value {target.value:g}; leave it out")
    return targets


def judge(rows: list[Row], targets: list[Target]) -> list[Row]:
    """Return the rows with their targets and verdicts; a row without a target passes when it was measured."""
    by_row = {target.row: target for target in targets}
    return [_judged(row, by_row.get(row.key)) for row in rows]


def _judged(row: Row, target: Target | None) -> Row:
    if target is None:
        return row
    row = msgspec.structs.replace(row, target=msgspec.to_builtins(target))
    if row.verdict == "skipped":
        return row
    verdict = target.verdict(getattr(row, target.metric))
    return msgspec.structs.replace(row, verdict=verdict, why=target.why)
