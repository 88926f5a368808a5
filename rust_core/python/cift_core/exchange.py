"""The rows of `Exchange.submit_batch`, which `FastOrderBook.submit_batch` takes too.

The same layout as `crates/engine/src/exchange/command.rs`, and the meaning of its codes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVERY_SYMBOL = 2**32 - 1
"""A command's `symbol`, where it is about all of them."""

EVERY_USER = 2**64 - 1
"""A command's `user_id`, where it is about all of them."""

EVERY_SIDE = 255
"""A mass cancel's `side`, where it is about both."""

POST_ONLY, REPRICE, REDUCE_ONLY, HIDDEN, ALL_OR_NONE = 1, 2, 4, 8, 16
"""Bits of an order's `flags`."""

PEG_PRIMARY, PEG_MID, PEG_MARKET = 32, 64, 96
"""What a PEGGED order follows, in its `flags`."""


class Op(IntEnum):
    """Values of a command's `op`."""

    LIMIT = 0
    MARKET = 1
    CANCEL = 2
    REDUCE = 3
    MODIFY = 4
    MARKET_TO_LIMIT = 5
    STOP = 6
    NOTIONAL = 7
    MASS_CANCEL = 8
    ADVANCE = 9
    END_OF_DAY = 10
    SET_PHASE = 11
    UNCROSS = 12
    PEGGED = 13
    SET_POSITION = 14
    SET_STATE = 20
    KILL = 21
    ENABLE = 22
    SET_LIMIT = 23
    SET_CASH = 24
    SET_REFERENCE = 25
    RESTRICT = 26
    AUTHORISE = 27


class LimitKind(IntEnum):
    """Values of a SET_LIMIT command's `flags`."""

    MAX_QUANTITY = 0
    MAX_NOTIONAL = 1
    MAX_POSITION = 2
    COLLAR_LAST = 3
    COLLAR_REFERENCE = 4
    COLLAR_PERIOD = 5
    MAX_EXECUTIONS = 6
    DUPLICATE_WINDOW = 7
    MAX_OPEN_ORDERS = 8
    MAX_OPEN_NOTIONAL = 9
    MAX_LEVERAGE = 10
    BUYING_POWER = 11
    MAX_MESSAGES = 12


class EventKind(IntEnum):
    """Values of an event's `kind`."""

    ACCEPTED = 0
    FILL = 1
    CANCELLED = 2
    REJECTED = 3
    TRIGGERED = 4


EXCHANGE_COMMAND_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("time", "<u8"),
        ("order_id", "<u8"),
        ("user_id", "<u8"),
        ("symbol", "<u4"),
        ("op", "<u1"),
        ("side", "<u1"),
        ("tif", "<u1"),
        ("flags", "<u1"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("display_quantity", "<f8"),
        ("min_quantity", "<f8"),
        ("trigger", "<f8"),
        ("trail", "<f8"),
        ("expires", "<u8"),
    ]
)

EXCHANGE_EVENT_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("sequence", "<u8"),
        ("time", "<u8"),
        ("command", "<u8"),
        ("order_id", "<u8"),
        ("user_id", "<u8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("maker_order_id", "<u8"),
        ("maker_user_id", "<u8"),
        ("symbol", "<u4"),
        ("code", "<u2"),
        ("kind", "<u1"),
        ("side", "<u1"),
    ]
)

_NOT_GIVEN = dict.fromkeys(("price", "quantity", "display_quantity", "min_quantity", "trigger", "trail"), np.nan)


def commands(*rows: dict[str, Any]) -> NDArray[np.void]:
    """Return rows of EXCHANGE_COMMAND_DTYPE, one per dict; a float that a dict leaves out is NaN, all else is zero."""
    array = np.zeros(len(rows), EXCHANGE_COMMAND_DTYPE)
    for number, row in enumerate(rows):
        for name, value in (_NOT_GIVEN | row).items():
            array[name][number] = value
    return array
