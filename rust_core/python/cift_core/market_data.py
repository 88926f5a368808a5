"""The published measures of a market: `FastMarketData` over arrays, the other classes as data comes.

Arrays are numpy arrays of float64 or int64, contiguous; they are read in place, without the GIL. Anything else raises
ValueError (TypeError for what is no array) with the argument's name, the row and the value, and changes nothing. Times
are int64 of the caller's unit, nanoseconds everywhere else in the project. Sides are int64: 1 where the taker bought,
-1 where it sold, 0 where nobody knows. What is not known yet is NaN. A stream's update costs the same however much came
before it; a stream belongs to one thread at a time.
"""

from typing import Any

import numpy as np

from cift_core._native import (
    Bar,
    BarBuilder,
    BulkVpin,
    FastMarketData,
    KyleLambda,
    MicroPrice,
    MicroPriceEstimator,
    MultiLevelOrderFlowImbalance,
    OrderFlowImbalance,
    PriceImpact,
    RealizedVolatility,
    Twap,
    Vpin,
    Vwap,
)

# The same layout as `Bar` in `crates/engine/src/market_data/bars.rs`.
BAR_DTYPE: np.dtype[Any] = np.dtype(
    [
        ("time", "<i8"),
        ("last_time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
        ("notional", "<f8"),
        ("buy_volume", "<f8"),
        ("sell_volume", "<f8"),
        ("trades", "<u8"),
    ]
)

__all__ = [
    "BAR_DTYPE",
    "Bar",
    "BarBuilder",
    "BulkVpin",
    "FastMarketData",
    "KyleLambda",
    "MicroPrice",
    "MicroPriceEstimator",
    "MultiLevelOrderFlowImbalance",
    "OrderFlowImbalance",
    "PriceImpact",
    "RealizedVolatility",
    "Twap",
    "Vpin",
    "Vwap",
]
