"""hftbacktest: replays an L3 feed, a command for each call. It doesn't match: the feed tells it the fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hftbacktest import (  # type: ignore[import-not-found]
    ADD_ORDER_EVENT,
    BUY_EVENT,
    CANCEL_ORDER_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    MODIFY_ORDER_EVENT,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from cift.benchmarks.core.peers.runner import Call, Flow

PACKAGE = "hftbacktest"
_STEP = 1_000


class Adapter:
    """Command n happens n microseconds after the start; an order that takes changes or cancels those that it met."""

    def __init__(self, flow: Flow) -> None:
        self._events = np.array(list(_events(flow)), dtype=event_dtype)
        self._count = len(flow.commands)

    def calls(self) -> list[Call]:
        """Return the calls on a fresh book."""
        asset = (
            BacktestAsset()
            .data([self._events])
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .l3_fifo_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(0.01)
            .lot_size(1.0)
            .roi_lb(0.0)
            .roi_ub(2_000.0)
        )
        self._replay = ROIVectorMarketDepthBacktest([asset])
        return [(self._replay.elapse, (_STEP,))] * self._count

    def traded(self, results: list[Any]) -> int | None:
        """Return None: it doesn't match."""
        depth = self._replay.depth(0)
        if not depth.best_bid < depth.best_ask:
            raise RuntimeError("the feed was not replayed")
        return None


def _events(flow: Flow) -> Any:
    sides = (BUY_EVENT, SELL_EVENT)
    live: dict[int, list[Any]] = {}
    for number, row in enumerate(flow.commands):
        time = (number + 1) * _STEP

        def event(kind: int, order_id: int, time: int = time) -> tuple[Any, ...]:
            side, price, left = live[order_id]
            return (kind | sides[side] | EXCH_EVENT | LOCAL_EVENT, time, time, price, left, order_id, 0, 0.0)

        if row.op == 2:
            yield event(CANCEL_ORDER_EVENT, row.order_id)
            del live[row.order_id]
        elif number in flow.fills:
            for fill in flow.fills[number]:
                live[fill.maker][2] -= fill.quantity
                yield event(MODIFY_ORDER_EVENT if live[fill.maker][2] else CANCEL_ORDER_EVENT, fill.maker)
        else:
            live[row.order_id] = [row.side, row.price, row.quantity]
            yield event(ADD_ORDER_EVENT, row.order_id)
