"""Our book from Python, many commands a call, on one thread and on several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from threading import Barrier, Thread
from time import perf_counter_ns, thread_time_ns
from typing import Any

import msgspec
import numpy as np

from cift.benchmarks.core.flow import TICK, Flow
from cift.benchmarks.core.rows import Row, Target
from cift.benchmarks.core.setting import Setting

TITLE = "Batches from Python"
ABOUT = "`submit_batch`: a structured array of commands in, one of events out (fills included), without the GIL."
_BATCHES = (100, 1_000, 10_000, 200_000)
_TARGET = Target("value", "<=", 30.0)
_MEASURED = 10_000


def measure(setting: Setting) -> Iterator[Row]:
    """Yield nanoseconds per operation by the size of the batch, then with a book on each of two threads."""
    flow = msgspec.json.decode(setting.flow.read_bytes(), type=Flow)
    runs = max(3, setting.passes * setting.rounds)
    for size in _BATCHES:
        setting.say(f"{TITLE}: {size:,} commands a call")
        spent = [run(flow, size, thread_time_ns) for _ in range(runs)]
        yield Row(
            section=TITLE,
            name=f"{size:,} commands a call",
            unit="ns",
            ours=True,
            operations=flow.operations,
            value=median(spent),
            best=min(spent),
            targets=[_TARGET] if size == _MEASURED else [],
        )
    yield _threads(setting, flow, runs)


def _prepared(flow: Flow, size: int) -> tuple[Any, list[Any]]:
    from cift_core import FastOrderBook
    from cift_core.dtypes import COMMAND_DTYPE

    commands = np.frombuffer(Path(flow.commands).read_bytes(), dtype=COMMAND_DTYPE)
    book = FastOrderBook("BENCH", tick_size=TICK)
    book.reserve(flow.warm + flow.operations // 4)  # as the book in Rust
    book.submit_batch(commands[: flow.warm].copy())
    mixed = commands[flow.warm :].copy()
    return book, [mixed[start : start + size] for start in range(0, mixed.size, size)]


def run(flow: Flow, size: int, clock: Callable[[], int]) -> float:
    """Return nanoseconds per operation of the flow's measured part, `size` commands a call, on a fresh book."""
    book, batches = _prepared(flow, size)
    start = clock()
    for batch in batches:
        book.submit_batch(batch)
    return (clock() - start) / flow.operations


def _threads(setting: Setting, flow: Flow, runs: int) -> Row:
    """Return how much more two threads on two processors do in the same time than one."""
    name = "two books on two threads, against one on one"
    row = Row(section=TITLE, name=name, unit="times", ours=True)
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        return msgspec.structs.replace(row, why="this process may use one processor only")
    setting.say(f"{TITLE}: two threads")
    gains = [_elapsed(flow, processors[:1]) * 2 / _elapsed(flow, processors[:2]) for _ in range(runs)]
    return msgspec.structs.replace(row, operations=flow.operations, value=median(gains), best=max(gains))


def _elapsed(flow: Flow, processors: list[int]) -> float:
    start = Barrier(len(processors) + 1)
    prepared = [_prepared(flow, _MEASURED) for _ in processors]

    def work(processor: int, book: Any, batches: list[Any]) -> None:
        os.sched_setaffinity(0, {processor})
        start.wait()
        for batch in batches:
            book.submit_batch(batch)

    threads = [Thread(target=work, args=(one, *given)) for one, given in zip(processors, prepared, strict=True)]
    for thread in threads:
        thread.start()
    start.wait()
    began = perf_counter_ns()
    for thread in threads:
        thread.join()
    return float(perf_counter_ns() - began)
