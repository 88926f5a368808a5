"""What the engine says, as messages on their way: an event for everybody whom it concerns, a trade for the market.

An event goes back to the request that its command came from, by the headers that the command had. A trade doesn't:
the market must not learn whose requests belong together.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cift.core import tracing
from cift.core.correlation import Origin
from cift.core.messages import AnyEvent, AnyMarketData, Fill, Trade
from cift.core.outbox import Outgoing
from cift.core.shards import Shard
from cift.core.stream_reader import Stored

log = logging.getLogger("engine")


class Decided(NamedTuple):
    """The n-th event ever decided; `trade` where the market is to see it too."""

    number: int
    event: AnyEvent
    trade: bool
    origin: Origin


def origin_of(stored: Stored) -> Origin:
    """Return the request that a command came from."""
    return Origin(stored.correlation, stored.trace)


def event_message(
    encode: Callable[[AnyEvent], bytes], shard: Shard, number: int, event: AnyEvent, origin: Origin
) -> Outgoing:
    """Return the n-th event that a shard ever decided, for its stream."""
    return Outgoing(number, shard.event_subject(event.symbol), event.message_id, encode(event), *origin)


def trade_message(encode: Callable[[AnyMarketData], bytes], number: int, fill: Fill) -> Outgoing:
    """Return a fill as the market sees it, for MARKET_DATA."""
    trade = Trade(
        symbol=fill.symbol, ts=fill.ts, seq=fill.seq, pos=fill.pos,
        side=fill.side, price=fill.price, quantity=fill.quantity,
    )  # fmt: skip
    return Outgoing(number, f"market.trades.{fill.symbol}", f"trade.{fill.message_id}", encode(trade))


def is_told() -> bool:
    """Return whether each command has its line in the log."""
    return log.isEnabledFor(logging.DEBUG)


def decide(stored: Stored, apply: Callable[[Stored], list[AnyEvent]]) -> list[AnyEvent]:
    """Return a command's events, and make a span of the decision where its request is traced."""
    if not stored.trace:
        return apply(stored)
    began = time.time_ns()
    events = apply(stored)
    about: tracing.Attributes = {"cift.seq": stored.seq, "cift.events": len(events), "cift.subject": stored.subject}
    tracing.past("decide", "consumer", parent=stored.trace, began=began, ended=time.time_ns(), attributes=about)
    return events


def tell(stored: Stored, events: Iterable[AnyEvent]) -> None:
    """Write down what became of a command."""
    orders = dict.fromkeys(
        each for event in events for each in (event.order_id, event.maker_order_id if isinstance(event, Fill) else 0)
    )
    about = {
        "correlation_id": stored.correlation,
        "seq": stored.seq,
        "symbol": stored.subject.partition(".")[2],
        "order_ids": [each for each in orders if each],
    }
    outcome = ", ".join(str(event.__struct_config__.tag) for event in events) or "done"
    log.debug("command %d: %s", stored.seq, outcome, extra=about)
