"""The Rust core of CIFT Markets: order book, risk checks and market data measures."""

from cift_core._guard import check_cpu

check_cpu()

from cift_core._native import (  # noqa: E402  the guard must run before the library's first instruction
    AccountState,
    Exchange,
    FastMarketData,
    FastOrderBook,
    FastRiskEngine,
    Fill,
    OrderError,
    RestingOrder,
    RiskGate,
    UserState,
    build_info,
)
from cift_core.dtypes import CHANGE_DTYPE, COMMAND_DTYPE, EVENT_DTYPE  # noqa: E402
from cift_core.exchange import EXCHANGE_COMMAND_DTYPE, EXCHANGE_EVENT_DTYPE  # noqa: E402
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
    "CHANGE_DTYPE",
    "COMMAND_DTYPE",
    "EVENT_DTYPE",
    "EXCHANGE_COMMAND_DTYPE",
    "EXCHANGE_EVENT_DTYPE",
    "AccountState",
    "BinanceDepth",
    "Exchange",
    "FastMarketData",
    "FastOrderBook",
    "FastRiskEngine",
    "FeedError",
    "Fill",
    "ItchBook",
    "LobsterReader",
    "OrderError",
    "RestingOrder",
    "RiskGate",
    "UserState",
    "build_info",
    "parse_binance",
    "parse_itch",
]
