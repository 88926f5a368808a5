"""The rows of `FastOrderBook`: the same layout as `crates/engine/src/batch.rs` and `change.rs`.

`submit_batch` takes rows of `EXCHANGE_COMMAND_DTYPE` (`cift_core.exchange`) as well, which can say all that an order
can be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LIMIT, MARKET, CANCEL, REDUCE, MODIFY = range(5)
"""Values of a command's `op`."""

BUY, SELL = range(2)
"""Values of `side`."""

GTC, IOC, FOK, DAY = range(4)
ATO, ATC = 5, 6
"""Values of `tif`."""

POST_ONLY, REPRICE = 1, 2
"""Bits of a command's `flags`."""

ACCEPTED, FILL, CANCELLED, REJECTED, TRIGGERED = range(5)
"""Values of an event's `kind`."""

COMMAND_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("op", "<u1"),
        ("side", "<u1"),
        ("tif", "<u1"),
        ("flags", "<u1"),
        ("reserved", "<u4"),
        ("order_id", "<u8"),
        ("user_id", "<u8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
    ]
)

ADD, REDUCED, REMOVE, TRADE = range(4)
"""Values of a change's `kind`."""

EVENT_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("kind", "<u1"),
        ("side", "<u1"),
        ("code", "<u2"),
        ("reserved", "<u4"),
        ("command", "<u8"),
        ("order_id", "<u8"),
        ("user_id", "<u8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("maker_order_id", "<u8"),
        ("maker_user_id", "<u8"),
    ]
)

CHANGE_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("number", "<u8"),
        ("order_id", "<u8"),
        ("user_id", "<u8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("level_quantity", "<f8"),
        ("level_orders", "<u4"),
        ("kind", "<u1"),
        ("side", "<u1"),
        ("reserved", "<u2"),
    ]
)
