"""Market data as exchanges send it: NASDAQ TotalView-ITCH 5.0, LOBSTER files, Binance's spot streams.

Data are bytes or a one-dimensional array of uint8, read in place, or another buffer, which is copied; all of them are
read without the GIL. A bad, impossible or cut-off message raises FeedError with its offset in the data (and its line in
text): what came before it stays in force, and it changes nothing.
"""

from typing import Any

import numpy as np

from cift_core._native import (
    BinanceDepth,
    FeedError,
    ItchBook,
    LobsterReader,
    generate_itch,
    itch_dtypes,
    parse_binance,
    parse_itch,
)

ITCH_DTYPES: dict[str, np.dtype[Any]] = itch_dtypes()
"""The rows of `parse_itch`, by message type."""

# The same layout as `MessageRow` in `crates/engine/src/feeds/lobster.rs`.
LOBSTER_MESSAGE_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("time", "<u8"),
        ("order_id", "<i8"),
        ("size", "<i8"),
        ("price", "<i8"),
        ("type", "<i4"),
        ("direction", "<i4"),
    ]
)
"""Time in nanoseconds after midnight, price in 1/10,000 dollar."""

LOBSTER_EMPTY = 9_999_999_999
"""The ask price of a level that no order has; the bid price is its negative."""

# The same layouts as in `crates/python/src/feeds/binance.rs`.
BINANCE_TRADE_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("received", "<u8"),
        ("event_time", "<u8"),
        ("trade_time", "<u8"),
        ("trade_id", "<u8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("buyer_is_maker", "<u8"),
    ]
)
"""`received` as the line says, 0 if it does not; the exchange's times in milliseconds; 1 where the seller took."""

BINANCE_TICKER_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("received", "<u8"),
        ("update_id", "<u8"),
        ("bid", "<f8"),
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),
        ("ask_quantity", "<f8"),
    ]
)
"""The best prices after an update."""

__all__ = [
    "BINANCE_TICKER_DTYPE",
    "BINANCE_TRADE_DTYPE",
    "ITCH_DTYPES",
    "LOBSTER_EMPTY",
    "LOBSTER_MESSAGE_DTYPE",
    "BinanceDepth",
    "FeedError",
    "ItchBook",
    "LobsterReader",
    "generate_itch",
    "parse_binance",
    "parse_itch",
]
