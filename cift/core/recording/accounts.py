"""What accounts hold and earned, from fills: the state behind position_history_analytics and account_snapshots.

The arithmetic is the core's (`rust_core/crates/engine/src/recording`): quantities are added as decimals, since they are
multiples of a lot and what is closed has to be 0; sums of money are doubles until they are stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

import polars as pl
from cift_core.recording import Positions

from cift.core.shards import NUMBERS

Row = dict[str, Any]
Amounts = tuple[int, int, float, float, float, float, float]
"""What the core says of an account: ts, account_id, equity, worth, gross, realized_pnl, unrealized_pnl."""

_COLUMNS = ("account_id", "symbol", "quantity", "average_price", "realized_pnl", "mark_price", "ts")
_PLACES = Decimal("1e-8")


class Accounts:
    """Positions by account and symbol, the last price of each symbol, and who traded since when."""

    def __init__(self, *, value: float, max_leverage: float, currency: str) -> None:
        """`value` is what each account had before its first fill."""
        self._max_leverage, self._currency = max_leverage, currency
        self.positions = Positions(value)
        self._loading = asyncio.Lock()
        self._loaded: pl.Series | None = None
        self.last = 0

    async def load_once(self, stored: Callable[[], Awaitable[pl.DataFrame]]) -> None:
        """Go on after the rows of `Analytics.get_last_positions`: those of all streams, whichever asks first."""
        async with self._loading:
            if self._loaded is None:
                self.load(await stored())

    def load(self, stored: pl.DataFrame) -> None:
        """Go on after such rows, forgetting everything else; `last` is the sequence of the newest."""
        sequences = stored["stream_seq"]
        if not sequences.filter(sequences >= NUMBERS).is_empty():
            stored = stored.sort("ts", maintain_order=True)  # one stream's after the other's is not how it happened
        self.positions.load(stored.select(_COLUMNS).rows())
        self._loaded, self.last = sequences, int(sequences.max() or 0)  # type: ignore[arg-type]

    def last_within(self, within: range) -> int:
        """Return the greatest sequence among the rows loaded that lies in there, its first if there is none."""
        if self._loaded is None:
            return within[0]
        of_them = self._loaded.filter(self._loaded.is_between(within[0], within[-1]))
        return int(of_them.max() or within[0])  # type: ignore[arg-type]

    def ended(self, ts: int) -> list[Row]:
        """Return a row for each account that traded in a minute that is over at `ts` (nanoseconds), and not again.

        It is of the minute's end. A fill that comes late makes it anew.
        """
        return self.rows(self.positions.ended(ts))

    def rows(self, told: Iterable[Amounts]) -> list[Row]:
        """Return the rows of account_snapshots for what the core says of accounts."""
        return [self._row(*each) for each in told]

    def _row(
        self, ts: int, account: int, equity: float, worth: float, gross: float, realized: float, unrealized: float
    ) -> Row:
        return {
            "ts": ts,
            "account_id": account,
            "currency": self._currency,
            "cash": _money(equity - worth),
            "equity": _money(equity),
            "margin_used": _money(gross / self._max_leverage),
            "realized_pnl": _money(realized),
            "unrealized_pnl": _money(unrealized),
            "leverage": gross / equity if equity > 0 else 0.0,
        }


def _money(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(_PLACES)
