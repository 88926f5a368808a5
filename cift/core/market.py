"""One symbol as the matcher keeps it: its book and its lots."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from cift_core import FastOrderBook

from cift.core.messages import BookUpdate
from cift.core.risk_control import Judge
from cift.core.sessions import is_auction


@dataclass(slots=True)
class Market:
    """A book, and its lots: positions are counted in whole lots, so that no sum ever drifts."""

    book: FastOrderBook
    lot_size: float
    special: bool = False
    """Whether any order was more than plain: others' orders may trade, shrink or expire in its commands."""
    decimals: int = field(init=False)
    """How many a quantity has."""

    def __post_init__(self) -> None:
        """Find out what lots are written with."""
        exponent = Decimal(repr(self.lot_size)).normalize().as_tuple().exponent
        self.decimals = max(0, -int(exponent))

    def lots(self, quantity: float) -> int:
        """Return a quantity as whole lots."""
        return round(quantity / self.lot_size)

    def quantity(self, lots: int) -> float:
        """Return whole lots as a quantity."""
        return round(lots * self.lot_size, self.decimals)

    def shown(self, symbol: str, ts: int, seq: int, levels: int) -> BookUpdate:
        """Return the book as everybody may see it, after command `seq`."""
        bids, asks = self.book.depth(levels)
        phase = self.book.phase
        price, volume, imbalance = (self.book.indication() if is_auction(phase) else None) or (None, 0.0, 0.0)
        return BookUpdate(
            symbol=symbol, ts=ts, seq=seq, bids=tuple(bids), asks=tuple(asks),
            phase=phase, indicative_price=price, indicative_volume=volume, imbalance=imbalance,
        )  # fmt: skip


class PlainState(NamedTuple):
    """What plain commands are decided on: the matcher's own objects, which the core changes as the matcher would.

    Their order is that of `cift_core.deciding.PlainDecider.decide`.
    """

    markets: dict[str, Market]
    positions: dict[tuple[int, str], int]
    names: dict[tuple[int, str], int]
    named: dict[int, tuple[int, str]]
    owners: dict[int, int]
    judges: dict[int, Judge]
    everybody: Judge
    touched: set[str]
