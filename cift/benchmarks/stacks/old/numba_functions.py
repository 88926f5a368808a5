"""The old engine's hot paths, Python compiled by Numba: an order book in arrays, a risk check, a VWAP.

The book is what such engines are: each side's orders in arrays, sorted by price and time, the best ones last, so that
what trades is taken from the end. An order that rests is put in its place and what is behind it moved; a cancel looks
for its order. A book of a thousand orders is moved faster than it would be searched in a cleverer way.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

compiled = numba.njit(cache=True)
LIMIT, CANCEL, BUY = 0, 2, 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def place(
    ticks: Any, lots: Any, ids: Any, sizes: Any, fills: Any, side: int, price: int, quantity: int, order_id: int
) -> int:
    """Match an order, rest what is left, and return how many rows of `fills` (maker, price, lots) it filled."""
    other, made = 1 - side, 0
    while quantity > 0 and sizes[other] > 0:
        best = sizes[other] - 1
        if (side == BUY and ticks[other, best] > price) or (side != BUY and ticks[other, best] < price):
            break
        traded = min(quantity, lots[other, best])
        fills[made, 0], fills[made, 1], fills[made, 2] = ids[other, best], ticks[other, best], traded
        made += 1
        quantity -= traded
        lots[other, best] -= traded
        if lots[other, best] == 0:
            sizes[other] = best
    if quantity > 0:
        at = sizes[side]
        # Behind those of a better price and, of the same price, those that came before.
        while at > 0 and (
            (side == BUY and ticks[side, at - 1] >= price) or (side != BUY and ticks[side, at - 1] <= price)
        ):
            ticks[side, at], lots[side, at], ids[side, at] = ticks[side, at - 1], lots[side, at - 1], ids[side, at - 1]
            at -= 1
        ticks[side, at], lots[side, at], ids[side, at] = price, quantity, order_id
        sizes[side] += 1
    return made


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def cancel(ticks: Any, lots: Any, ids: Any, sizes: Any, order_id: int) -> bool:
    """Take an order out of the book, and return whether it was there."""
    for side in range(2):
        for at in range(sizes[side]):
            if ids[side, at] == order_id:
                for index in range(at, sizes[side] - 1):
                    ticks[side, index] = ticks[side, index + 1]
                    lots[side, index] = lots[side, index + 1]
                    ids[side, index] = ids[side, index + 1]
                sizes[side] -= 1
                return True
    return False


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def carry_out(
    ticks: Any,
    lots: Any,
    ids: Any,
    sizes: Any,
    fills: Any,
    ops: Any,
    sides: Any,
    order_ids: Any,
    prices: Any,
    sent: Any,
) -> int:
    """Carry out many commands in one call, and return the lots traded."""
    traded = 0
    for index in range(ops.size):
        if ops[index] == CANCEL:
            cancel(ticks, lots, ids, sizes, order_ids[index])
        else:
            made = place(ticks, lots, ids, sizes, fills, sides[index], prices[index], sent[index], order_ids[index])
            for row in range(made):
                traded += fills[row, 2]
    return traded


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def risk(
    buy: bool, quantity: float, price: float, position: float, value: float, most: float, notional: float, lever: float
) -> int:
    """Return 0 for an order that may go, or which limit it breaks: 1 position, 2 notional, 3 leverage."""
    after = position + (quantity if buy else -quantity)
    if abs(after) > most:
        return 1
    if quantity * price > notional:
        return 2
    if abs(after) * price > value * lever:
        return 3
    return 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def vwap(prices: Any, volumes: Any) -> float:
    """Return the volume-weighted average price."""
    turnover, volume = 0.0, 0.0
    for index in range(prices.size):
        turnover += prices[index] * volumes[index]
        volume += volumes[index]
    return turnover / volume if volume > 0 else 0.0


class Arrays:
    """A book's arrays: room for so many orders a side."""

    def __init__(self, room: int) -> None:
        self.ticks = np.zeros((2, room), dtype=np.int64)
        self.lots = np.zeros((2, room), dtype=np.int64)
        self.ids = np.zeros((2, room), dtype=np.int64)
        self.sizes = np.zeros(2, dtype=np.int64)
        self.fills = np.zeros((room, 3), dtype=np.int64)
