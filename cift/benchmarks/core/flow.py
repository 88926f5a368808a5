"""The mixed flow that every contestant gets: 60 % passive adds, 30 % cancels, 10 % orders that take.

A flow is made once and written to files, so that contestants in other languages and virtual environments read the very
same operations. Every cancel finds its order resting, and every order that takes is filled at once and whole: books
that know nothing but limit orders do the same work as those that know immediate-or-cancel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

TICK = 0.01
MID_TICKS = 100_000
_DEEPEST, _REACH, _MOST_LOTS = 50, 60, 100
_CHUNK = 250_000

Rows = npt.NDArray[np.void]

FILL_DTYPE: np.dtype[Any] = np.dtype([("command", "<u8"), ("maker", "<u8"), ("price", "<f8"), ("quantity", "<f8")])


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow lies: `commands` rows of `cift_core.dtypes.COMMAND_DTYPE`, the first `warm` of them not measured.

    `fills` are rows of FILL_DTYPE, what the commands must lead to; `traded` is their sum of lots in the measured part.
    """

    seed: int
    warm: int
    operations: int
    traded: int
    resting: int
    commands: str
    fills: str


def make(folder: Path, *, resting: int, operations: int, seed: int = 1) -> Flow:
    """Make the flow on a book in which `resting` orders rest already, and return where it was written."""
    from cift_core import FastOrderBook

    book = FastOrderBook("FLOW", tick_size=TICK)
    random = np.random.default_rng(seed)
    warm = _passive(random, np.arange(1, resting + 1, dtype=np.uint64))
    for start in range(0, resting, _CHUNK):
        book.submit_batch(warm[start : start + _CHUNK])
    mixed, fills = _mixed(book, random, operations, list(range(1, resting + 1)), resting)
    fills["command"] += resting
    folder.mkdir(parents=True, exist_ok=True)
    commands = folder / f"flow-{resting}.commands"
    with commands.open("wb") as file:
        file.write(warm.tobytes())
        file.write(mixed.tobytes())
    expected = commands.with_suffix(".fills")
    expected.write_bytes(fills.tobytes())
    flow = Flow(
        seed=seed,
        warm=resting,
        operations=operations,
        traded=int(fills["quantity"].sum()),
        resting=len(book),
        commands=str(commands),
        fills=str(expected),
    )
    path(flow).write_bytes(msgspec.json.encode(flow))
    return flow


def path(flow: Flow) -> Path:
    """Return where a flow's JSON file is."""
    return Path(flow.commands).with_suffix(".json")


def remove(flow: Flow) -> None:
    """Delete a flow's files."""
    for file in (path(flow), Path(flow.commands), Path(flow.fills)):
        file.unlink(missing_ok=True)


def _passive(random: np.random.Generator, ids: npt.NDArray[np.uint64]) -> Rows:
    """Return limit orders that can't take, one for each id."""
    from cift_core.dtypes import COMMAND_DTYPE, LIMIT

    rows = np.zeros(ids.size, dtype=COMMAND_DTYPE)
    side = random.integers(0, 2, ids.size)
    behind = random.integers(1, _DEEPEST + 1, ids.size)
    rows["op"], rows["side"], rows["order_id"] = LIMIT, side, ids
    rows["user_id"] = ids % 100
    rows["price"] = np.round((MID_TICKS + np.where(side == 0, -behind, behind)) * TICK, 2)
    rows["quantity"] = random.integers(1, _MOST_LOTS + 1, ids.size)
    return rows


def _mixed(book: Any, random: np.random.Generator, count: int, live: list[int], last: int) -> tuple[Rows, Rows]:
    """Draw the mixed part, watching on the book what can be cancelled and taken."""
    from cift_core.dtypes import CANCEL

    kinds, sizes = random.random(count), random.integers(50, 200, count)
    rows = _passive(random, np.zeros(count, dtype=np.uint64))
    fills: list[tuple[int, int, float, float]] = []
    for index in range(count):
        row = rows[index]
        side = "sell" if row["side"] else "buy"
        if 0.6 <= kinds[index] < 0.9 and (found := _cancelled(book, live, random)):
            row["op"], row["order_id"], row["price"], row["quantity"] = CANCEL, found, 0.0, 0.0
            continue
        last += 1
        row["order_id"], row["user_id"] = last, last % 100
        if kinds[index] >= 0.9 and (there := _within_reach(book, buy=side == "buy")) > 0:
            row["price"] = round((MID_TICKS + (_REACH if side == "buy" else -_REACH)) * TICK, 2)
            row["quantity"] = min(float(sizes[index]), there)
        _, taken = book.add_limit_order(last, side, float(row["price"]), float(row["quantity"]), last % 100)
        if taken:
            fills.extend((index, fill.maker_order_id, fill.price, fill.quantity) for fill in taken)
        else:
            live.append(last)
    return rows, np.array(fills, dtype=FILL_DTYPE)


def _cancelled(book: Any, live: list[int], random: np.random.Generator) -> int | None:
    """Cancel an order at random that still rests; those that were filled meanwhile are forgotten."""
    while live:
        at = int(random.integers(0, len(live)))
        live[at], live[-1] = live[-1], live[at]
        if book.cancel_order(found := live.pop()):
            return found
    return None


def _within_reach(book: Any, *, buy: bool) -> float:
    """Return how much an order that takes would find on the other side."""
    bids, asks = book.depth(_DEEPEST)
    return float(sum(quantity for _, quantity in (asks if buy else bids)))
