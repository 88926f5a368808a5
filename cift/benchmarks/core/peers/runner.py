"""Runs one adapter over a flow and prints what it measured as JSON: `runner.py ADAPTER FLOW.json SAMPLES --rounds N`.

A whole run has no clock between calls, and its time is the thread's own on the processor, so that other programs of a
busy machine count little. A clocked run reads the clock around each call; its samples go to a file of
little-endian uint32 nanoseconds. The first run is not measured: it warms, and counts what was filled.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import struct
import sys
from array import array
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, perf_counter_ns, thread_time_ns
from typing import Any, NamedTuple

Call = tuple[Callable[..., Any], tuple[Any, ...]]
_CHUNK = 100
_MOST = 2**32 - 1


class Command(NamedTuple):
    """One row of the flow: op 0 adds a limit order, op 2 cancels; side 0 buys, 1 sells."""

    op: int
    side: int
    order_id: int
    price: float
    quantity: int

    @property
    def ticks(self) -> int:
        """Return the price in hundredths."""
        return round(self.price * 100)


class Fill(NamedTuple):
    """What a command must lead to."""

    command: int
    maker: int
    price: float
    quantity: int


class Flow:
    """A flow as `cift.benchmarks.core.flow` wrote it; `warm` of its commands come first and are not measured."""

    def __init__(self, path: Path) -> None:
        about = json.loads(path.read_bytes())
        self.warm: int = about["warm"]
        rows = struct.iter_unpack("<BB6xQ8xdd", Path(about["commands"]).read_bytes())
        self.commands = [Command(op, side, order, price, int(lots)) for op, side, order, price, lots in rows]
        fills = struct.iter_unpack("<QQdd", Path(about["fills"]).read_bytes())
        self.fills: dict[int, list[Fill]] = {}
        for command, maker, price, lots in fills:
            self.fills.setdefault(command, []).append(Fill(command, maker, price, int(lots)))


def whole(calls: list[Call], seconds: float) -> tuple[int, int]:
    """Make the calls until the time is up; return how many were made, and the thread's own nanoseconds."""
    end = perf_counter() + seconds
    start = thread_time_ns()
    done = 0
    for first in range(0, len(calls), _CHUNK):
        chunk = calls[first : first + _CHUNK]
        for call, arguments in chunk:
            call(*arguments)
        done += len(chunk)
        if perf_counter() > end:
            break
    return done, thread_time_ns() - start


def clocked(calls: list[Call], seconds: float) -> array[int]:
    """Make the calls until the time is up; return how long each took."""
    samples = array("I")
    end = perf_counter() + seconds
    for first in range(0, len(calls), _CHUNK):
        for call, arguments in calls[first : first + _CHUNK]:
            start = perf_counter_ns()
            call(*arguments)
            samples.append(min(perf_counter_ns() - start, _MOST))
        if perf_counter() > end:
            break
    return samples


def checked(calls: list[Call], seconds: float) -> list[Any]:
    """Make the calls until the time is up; return what they returned."""
    results = []
    end = perf_counter() + seconds
    for index, (call, arguments) in enumerate(calls):
        results.append(call(*arguments))
        if index % _CHUNK == 0 and perf_counter() > end:
            break
    return results


def main() -> None:
    """Measure one adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter")
    parser.add_argument("flow", type=Path)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="the longest that one run may take")
    wanted = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    flow = Flow(wanted.flow)
    module = importlib.import_module(wanted.adapter)
    adapter = module.Adapter(flow)
    whole_runs, samples, sampled = [], array("I"), []
    told, made = None, 0
    for number in range(wanted.rounds + 1):
        calls = adapter.calls()
        warm, calls = calls[: flow.warm], calls[flow.warm :]
        checked(warm, float("inf"))
        gc.collect()
        gc.freeze()
        if number == 0:
            results = checked(calls, wanted.seconds)
            told, made = adapter.traded(results), len(results)
        else:
            whole_runs.append(whole(calls, wanted.seconds))
            calls = adapter.calls()
            checked(calls[: flow.warm], float("inf"))
            taken = clocked(calls[flow.warm :], wanted.seconds)
            samples.extend(taken)
            sampled.append(len(taken))
        gc.unfreeze()
    wanted.samples.write_bytes(samples.tobytes())
    expected = sum(fill.quantity for rows in flow.fills.values() for fill in rows if fill.command - flow.warm < made)
    print(
        json.dumps(
            {
                "version": version(module.PACKAGE),
                "runs": whole_runs,
                "sampled": sampled,
                "traded": told,
                "expected": expected,
            }
        )
    )


if __name__ == "__main__":
    main()
