"""A seeded flow of commands, as the bytes that put them into the journal."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cift.core.messages import CancelOrder, NewOrder, UserCommand
from cift.core.serialization import encode

_TICK = 0.01
_MID_TICKS = 10_000
_BAND_TICKS = 30
_ADD, _TAKE = 0.45, 0.25
# A cancel names one of so many of the newest orders in its book, which may have traded meanwhile, as in a market.
_RECENT = 64
_ACCOUNTS = 64


@dataclass(frozen=True)
class Flow:
    """Commands one after the other: command n is `data[ends[n - 1]:ends[n]]`, due `due_ns[n]` after the start.

    `last` is the sequence of each symbol's last command.
    """

    data: bytes
    ends: npt.NDArray[np.int64]
    due_ns: npt.NDArray[np.int64]
    last: dict[str, int]

    def __len__(self) -> int:
        return len(self.ends)


def make(symbols: list[str], rate: float, count: int, *, first: int, reply: str, seed: int = 1) -> Flow:
    """Return `count` commands at `rate` a second, evenly spaced, over `symbols` with a lot of 1 and a tick of 0.01.

    45 % rest, 25 % cross (and what they can't trade is cancelled), 30 % cancel. `first` is the sequence that the
    journal gives the first of them, by which cancels name orders; `reply` gets the stream's acknowledgements.
    """
    draw = np.random.default_rng(seed)
    kinds, chances = draw.random(count), draw.random(count)
    which, users = draw.integers(0, len(symbols), count), draw.integers(1, _ACCOUNTS + 1, count)
    sides, away, lots = draw.integers(0, 2, count), draw.integers(1, _BAND_TICKS, count), draw.integers(1, 10, count)
    due = (np.arange(count) * (1e9 / rate)).astype(np.int64)
    began = time.time_ns()
    recent: dict[str, deque[tuple[int, int]]] = {symbol: deque(maxlen=_RECENT) for symbol in symbols}
    last: dict[str, int] = {}
    parts: list[bytes] = []
    ends = np.empty(count, dtype=np.int64)
    end = 0
    for index in range(count):
        symbol, user, ts = symbols[which[index]], int(users[index]), began + int(due[index])
        own, kind, last[symbol] = recent[symbol], kinds[index], first + index
        command: UserCommand
        if kind >= _ADD + _TAKE and own:
            order_id, owner = own[int(chances[index] * len(own))]
            command = CancelOrder(symbol=symbol, ts=ts, user_id=owner, order_id=order_id)
        else:
            rests, buys = kind < _ADD or not own, bool(sides[index])
            behind = int(away[index]) * (1 if rests else -1)
            price = round((_MID_TICKS + (-behind if buys else behind)) * _TICK, 2)
            command = NewOrder(
                symbol=symbol, ts=ts, user_id=user, side="buy" if buys else "sell", order_type="limit",
                quantity=float(lots[index]), price=price, tif="GTC" if rests else "IOC",
            )  # fmt: skip
            if rests:
                own.append((first + index, user))
        payload = encode(command)
        parts.append(b"PUB orders.%b %b %d\r\n%b\r\n" % (symbol.encode(), reply.encode(), len(payload), payload))
        end += len(parts[-1])
        ends[index] = end
    return Flow(b"".join(parts), ends, due, last)
