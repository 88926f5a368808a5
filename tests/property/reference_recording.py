"""The recorder's rows in plain Python: what the core's have to be."""

from __future__ import annotations

from typing import Any

from cift.core.messages import Accepted, AnyEvent, AnyMarketData, Cancelled, Fill, Modified, Reduced, Rejected, Trade

Row = dict[str, Any]


def halves(pos: int) -> Row:
    """Return a position as the tables of fills have it: 16 bits in either column of their keys."""
    return {"pos": pos % 2**16, "pos_high": pos // 2**16}


def executions(event: AnyEvent, stream_seq: int) -> list[Row]:
    """Return the row of trade_executions for an event; none for one that is no fill."""
    if not isinstance(event, Fill):
        return []
    row = {
        "stream_seq": stream_seq,
        "command_seq": event.seq,
        **halves(event.pos),
        "ts": event.ts,
        "symbol": event.symbol,
        "side": event.side,
        "price": event.price,
        "quantity": event.quantity,
        "taker_order_id": event.order_id,
        "taker_user_id": event.user_id,
        "maker_order_id": event.maker_order_id,
        "maker_user_id": event.maker_user_id,
    }
    return [row]


def order_events(event: AnyEvent, stream_seq: int) -> list[Row]:
    """Return the rows of an event: none, one, or one for each side of a fill."""
    row: Row = {
        "stream_seq": stream_seq,
        "command_seq": event.seq,
        "pos": event.pos,
        "ts": event.ts,
        "account_id": event.user_id,
        "order_id": event.order_id,
        "symbol": event.symbol,
        "side": "unknown",
        "liquidity": "none",
        "price": None,
        "quantity": 0.0,
        "client_order_id": "",
        "reason": "",
    }
    match event:
        case Accepted():
            name = event.client_order_id or ""
            said = {"side": event.side, "price": event.price, "quantity": event.quantity, "client_order_id": name}
            return [row | said | {"kind": "accepted"}]
        case Fill():
            row |= {"kind": "fill", "price": event.price, "quantity": event.quantity}
            other = "sell" if event.side == "buy" else "buy"
            whose = {"account_id": event.maker_user_id, "order_id": event.maker_order_id}
            return [
                row | {"side": event.side, "liquidity": "taker"},
                row | whose | {"side": other, "liquidity": "maker"},
            ]
        case Cancelled():
            return [row | {"kind": "cancelled", "quantity": event.quantity, "reason": event.reason}]
        case Reduced():
            return [row | {"kind": "reduced", "quantity": event.remaining}]
        case Modified():
            return [row | {"kind": "modified", "price": event.price, "quantity": event.quantity}]
        case Rejected() if event.seq == event.order_id and event.user_id:
            return [row | {"kind": "rejected", "reason": event.code}]
        case _:
            return []  # a change refused, which left the order as it was, or nothing that happened to an order


def ticks(message: AnyMarketData, stream_seq: int) -> list[Row]:
    """Return the row of ticks_analytics for a trade."""
    if not isinstance(message, Trade):
        return []
    row = {
        "ts": message.ts,
        "symbol": message.symbol,
        "price": message.price,
        "quantity": message.quantity,
        "side": message.side,
        "seq": message.seq,
        **halves(message.pos),
        "stream_seq": stream_seq,
    }
    return [row]
