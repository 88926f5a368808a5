"""What accounts hold and earned, from fills: the state behind position_history_analytics and account_snapshots.

The arithmetic is the core's (`rust_core/crates/engine/src/recording`): quantities are added as decimals, since they are
multiples of a lot and what is closed has to be 0; sums of money are doubles until they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl
from cift_core.recording import Positions

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
        self.last = 0

    def load(self, stored: pl.DataFrame) -> None:
        """Go on after the stored rows of `Analytics.get_last_positions`; `last` is the sequence of the newest."""
        self.positions.load(stored.select(_COLUMNS).rows())
        self.last = int(stored["stream_seq"].max() or 0)  # type: ignore[arg-type]

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
