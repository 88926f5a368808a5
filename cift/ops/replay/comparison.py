"""Holds the played book against the file's book, row by row, as far as messages can tell.

A file cut at N levels reports only what happens within its best N levels. So a price is known only if it has been among
them ever since it was last seen: `_edge` is the worst known price of each side. Where fewer than N levels are known,
the row shows one that no message told of; the known part is compared all the same, and the rest is learned from the
row.
"""

from __future__ import annotations

from cift.core.messages import Side
from cift.core.orderflow import BookRow
from cift.ops.replay.player import Player
from cift.ops.replay.target import Book, Levels, Target

_SIGNS: dict[Side, int] = {"buy": 1, "sell": -1}


class Comparison:
    """Counts rows: all, those that the messages can tell, and those whose book differs."""

    def __init__(self, target: Target, player: Player, first: BookRow) -> None:
        self._target = target
        self._player = player
        self._edge: dict[Side, float | None] = {"buy": _edge(first.bids, first), "sell": _edge(first.asks, first)}
        self.rows = self.told = self.differing = 0

    def check(self, row: BookRow) -> None:
        """Compare the target's book with a row, then learn from the row what no message told."""
        book = self._target.book(row.depth, lambda book: self._same(book, row))
        told = True
        # A row that can't be told whole differs too, if the part that can be told does.
        self.differing += not self._same(book, row)
        for side, ours, theirs in _sides(book, row):
            edge = self._edge[side]
            if edge is not None and len(self._known(side, ours)) < row.depth:
                told = False
                self._player.correct(side, theirs, beyond=edge, whole=len(theirs) < row.depth)
            self._edge[side] = _edge(theirs, row)
        self.rows += 1
        self.told += told

    def _same(self, book: Book, row: BookRow) -> bool:
        for side, ours, theirs in _sides(book, row):
            known = self._known(side, ours)
            if known != theirs[: len(known)] or (self._edge[side] is None and len(known) != len(theirs)):
                return False
        return True

    def _known(self, side: Side, levels: Levels) -> Levels:
        edge = self._edge[side]
        if edge is None:
            return levels
        sign = _SIGNS[side]
        return tuple(level for level in levels if sign * (level[0] - edge) >= 0)


def _edge(levels: Levels, row: BookRow) -> float | None:
    """Return the worst known price; None when a row with room to spare shows the whole side."""
    return levels[-1][0] if len(levels) == row.depth else None


def _sides(book: Book, row: BookRow) -> tuple[tuple[Side, Levels, Levels], tuple[Side, Levels, Levels]]:
    """Return each side with the target's levels and the row's."""
    return ("buy", book[0], row.bids), ("sell", book[1], row.asks)
