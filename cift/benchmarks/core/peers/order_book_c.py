"""order-book: sizes by price, sorted, in C; a dictionary for each side. It doesn't match: it is told the levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from order_book import OrderBook  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "order-book"


class Adapter:
    """Sizes of levels, worked out beforehand: a level is set, or deleted when nothing is left at it."""

    def __init__(self, flow: Flow) -> None:
        self._steps = list(_levels(flow))

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        book = OrderBook()
        sides = (book.bids, book.asks)
        return [_call(sides, changes) for changes in self._steps]

    def traded(self, results: list[Any]) -> int | None:
        """Return None: it has no trades."""
        return None


def _call(sides: tuple[Any, Any], changes: list[tuple[int, int, int]]) -> Call:
    if len(changes) == 1:
        side, price, size = changes[0]
        return (sides[side].__setitem__, (price, size)) if size else (sides[side].__delitem__, (price,))
    return _several, (sides, changes)


def _several(sides: tuple[Any, Any], changes: list[tuple[int, int, int]]) -> None:
    for side, price, size in changes:
        if size:
            sides[side][price] = size
        else:
            del sides[side][price]


def _levels(flow: Flow) -> Any:
    """Yield, for each command, the (side, price in hundredths, new size) of each level that it changes."""
    sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
    live: dict[int, list[int]] = {}
    for number, row in enumerate(flow.commands):
        if row.op == 2:
            side, price, left = live.pop(row.order_id)
            sizes[side][price] -= left
            yield [(side, price, sizes[side][price])]
        elif number in flow.fills:
            touched = {}
            for fill in flow.fills[number]:
                maker = live[fill.maker]
                maker[2] -= fill.quantity
                sizes[maker[0]][maker[1]] -= fill.quantity
                touched[maker[1]] = maker[0]
            yield [(side, price, sizes[side][price]) for price, side in touched.items()]
        else:
            sizes[row.side][row.ticks] = sizes[row.side].get(row.ticks, 0) + row.quantity
            live[row.order_id] = [row.side, row.ticks, row.quantity]
            yield [(row.side, row.ticks, sizes[row.side][row.ticks])]
