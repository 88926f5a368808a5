"""The Rust core of CIFT Markets: order book, risk checks and market data measures."""

from cift_core._guard import check_cpu

check_cpu()

from cift_core._native import (  # noqa: E402  the guard must run before the library's first instruction
    FastMarketData,
    FastOrderBook,
    FastRiskEngine,
    Fill,
    OrderError,
    RestingOrder,
    build_info,
)
from cift_core.dtypes import COMMAND_DTYPE, EVENT_DTYPE  # noqa: E402
from cift_core.feeds import (  # noqa: E402
    BinanceDepth,
    FeedError,
    ItchBook,
    LobsterReader,
    parse_binance,
    parse_itch,
)

__version__: str = build_info()["version"]
__all__ = [
    "COMMAND_DTYPE",
    "EVENT_DTYPE",
    "BinanceDepth",
    "FastMarketData",
    "FastOrderBook",
    "FastRiskEngine",
    "FeedError",
    "Fill",
    "ItchBook",
    "LobsterReader",
    "OrderError",
    "RestingOrder",
    "build_info",
    "parse_binance",
    "parse_itch",
]
