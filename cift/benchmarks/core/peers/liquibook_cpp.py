"""liquibook: the C++ engine behind SWIG. It matches, and tells fills to a listener written in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import liquibook  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "liquibook"


class _Fills(liquibook.OrderListener):  # type: ignore[misc]
    """Hears of everything that an engine's user must hear of, and does the least with it."""

    def __init__(self) -> None:
        liquibook.OrderListener.__init__(self)
        self.traded = 0

    def on_fill(self, passive: Any, aggressive: Any, quantity: int, cost: int) -> None:
        passive.fill(quantity, cost, 0)
        aggressive.fill(quantity, cost, 0)
        self.traded += quantity

    def on_accept(self, order: Any) -> None:
        pass

    def on_cancel(self, order: Any) -> None:
        pass

    def on_cancel_reject(self, order: Any, reason: str) -> None:
        pass

    def on_reject(self, order: Any, reason: str) -> None:
        pass

    def on_replace(self, order: Any, change: int, price: int) -> None:
        pass

    def on_replace_reject(self, order: Any, reason: str) -> None:
        pass

    def on_trigger_stop(self, order: Any) -> None:
        pass


class Adapter:
    """Prices are integers: hundredths. An order is an object that the caller makes: that counts."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        self._book, self._fills, self._warm = liquibook.DepthOrderBook(), _Fills(), None
        self._book.set_order_listener(self._fills)
        self._book.set_symbol("BENCH")
        book, orders, make = self._book, {}, liquibook.SimpleOrder

        def add(order_id: int, buy: bool, price: int, quantity: int) -> None:
            orders[order_id] = order = make(buy, price, quantity)
            book.add(order)

        def cancel(order_id: int) -> None:
            book.cancel(orders[order_id])

        return [
            (cancel, (row.order_id,)) if row.op == 2 else (add, (row.order_id, not row.side, row.ticks, row.quantity))
            for row in self._flow.commands
        ]

    def traded(self, results: list[Any]) -> int | None:
        """Return what the listener heard; nothing trades while the book is filled."""
        return self._fills.traded
