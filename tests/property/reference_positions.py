"""What accounts hold and earned, from fills: the arithmetic behind position_history_analytics and account_snapshots.

A position has an average price. A fill that makes it larger moves the average; one that makes it smaller earns the
difference to it; one that turns it closes all of it and opens the rest anew (as the engine's risk does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from cift.core.messages import Fill

PERIOD_NS = 60 * 10**9
"""How often an account that trades is noted."""

Row = dict[str, Any]
_PLACES = Decimal("1e-8")


class Held(NamedTuple):
    """A position: `quantity` is negative when short; without one the average price is 0."""

    quantity: float = 0.0
    average_price: float = 0.0
    realized_pnl: float = 0.0

    def after(self, quantity: float, price: float) -> Held:
        """Return the position after buying `quantity`, or selling it where it is negative."""
        total = _sum(self.quantity, quantity)
        if self.quantity == 0 or (self.quantity > 0) == (quantity > 0):
            paid = self.quantity * self.average_price + quantity * price
            return Held(total, paid / total, self.realized_pnl)
        closed = min(abs(self.quantity), abs(quantity)) * (1 if self.quantity > 0 else -1)
        realized = self.realized_pnl + closed * (price - self.average_price)
        if total == 0:
            return Held(0.0, 0.0, realized)
        turned = (total > 0) != (self.quantity > 0)
        return Held(total, price if turned else self.average_price, realized)


def _sum(held: float, quantity: float) -> float:
    """Add as decimals: quantities are multiples of a lot, and what is closed has to be 0."""
    if held.is_integer() and quantity.is_integer():
        return held + quantity
    return float(Decimal(repr(held)) + Decimal(repr(quantity)))


class Accounts:
    """Positions by account and symbol, the last price of each symbol, and who traded since when."""

    def __init__(self, *, value: float, max_leverage: float, currency: str) -> None:
        """`value` is what each account had before its first fill."""
        self._value, self._max_leverage, self._currency = value, max_leverage, currency
        self._held: dict[int, dict[str, Held]] = {}
        self._marks: dict[str, float] = {}
        self._traded: set[int] = set()
        self._period = 0

    def load(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Go on from the last stored row of each position (see `Analytics.get_last_positions`), oldest first."""
        self._held, self._marks, self._traded, self._period = {}, {}, set(), 0
        for row in rows:
            held = Held(row["quantity"], row["average_price"], row["realized_pnl"])
            self._held.setdefault(row["account_id"], {})[row["symbol"]] = held
            # Rows from before there were marks have 0.
            self._marks[row["symbol"]] = row["mark_price"] or row["average_price"]
            self._trade(row["account_id"], row["ts"] // PERIOD_NS)

    def apply(self, fill: Fill, stream_seq: int) -> list[Row]:
        """Return the rows of the positions that a fill changes: the taker's and the maker's, or one if he is both."""
        self._marks[fill.symbol] = fill.price
        sign = 1 if fill.side == "buy" else -1
        legs = ((fill.user_id, sign * fill.quantity), (fill.maker_user_id, -sign * fill.quantity))
        for account, quantity in legs:
            positions = self._held.setdefault(account, {})
            positions[fill.symbol] = positions.get(fill.symbol, Held()).after(quantity, fill.price)
            self._trade(account, fill.ts // PERIOD_NS)
        accounts = (fill.user_id,) if fill.user_id == fill.maker_user_id else (fill.user_id, fill.maker_user_id)
        return [_row(fill, stream_seq, account, self._held[account][fill.symbol]) for account in accounts]

    def _trade(self, account: int, period: int) -> None:
        if period > self._period:
            self._traded, self._period = set(), period
        self._traded.add(account)

    def ended(self, ts: int) -> list[Row]:
        """Return a row for each account that traded in a period that is over at `ts` (nanoseconds), and not again.

        It is of the period's end. A fill that comes late makes it anew.
        """
        if not self._traded or ts // PERIOD_NS <= self._period:
            return []
        traded, self._traded = sorted(self._traded), set()
        return [self._snapshot(account, (self._period + 1) * PERIOD_NS) for account in traded]

    def _snapshot(self, account: int, ts: int) -> Row:
        held = self._held[account]
        worth = [position.quantity * self._marks[symbol] for symbol, position in held.items()]
        realized = sum(position.realized_pnl for position in held.values())
        unrealized = sum(p.quantity * (self._marks[symbol] - p.average_price) for symbol, p in held.items())
        gross, equity = sum(map(abs, worth)), self._value + realized + unrealized
        return {
            "ts": ts,
            "account_id": account,
            "currency": self._currency,
            "cash": _money(equity - sum(worth)),
            "equity": _money(equity),
            "margin_used": _money(gross / self._max_leverage),
            "realized_pnl": _money(realized),
            "unrealized_pnl": _money(unrealized),
            "leverage": gross / equity if equity > 0 else 0.0,
        }


def _row(fill: Fill, stream_seq: int, account: int, held: Held) -> Row:
    quantity, average_price, realized_pnl = held
    return {
        "ts": fill.ts,
        "account_id": account,
        "symbol": fill.symbol,
        "stream_seq": stream_seq,
        "quantity": quantity,
        "average_price": average_price,
        "realized_pnl": realized_pnl,
        "unrealized_pnl": quantity * (fill.price - average_price),
        "mark_price": fill.price,
    }


def _money(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(_PLACES)
