from typing import Any, Literal, TypeAlias, TypedDict, final

import numpy as np
from numpy.typing import NDArray

_Data: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]
_Side: TypeAlias = Literal["buy", "sell"]

ITCH_DTYPES: dict[str, np.dtype[Any]]
LOBSTER_MESSAGE_DTYPE: np.dtype[Any]
LOBSTER_EMPTY: int
BINANCE_TRADE_DTYPE: np.dtype[Any]
BINANCE_TICKER_DTYPE: np.dtype[Any]

class FeedError(ValueError):
    """A message that can't be read or can't be true; it changed nothing."""

    offset: int
    line: int | None

def parse_itch(data: _Data) -> dict[str, NDArray[np.void]]:
    """One structured array (ITCH_DTYPES) for each message type of NASDAQ TotalView-ITCH 5.0 that is in the data.

    Each message has its length, two bytes, big endian, in front. Fields have the specification's names in snake case;
    prices are whole numbers of 1/10,000 dollar (those of the circuit breaker: 1/100,000,000), timestamps nanoseconds
    since midnight; `message` counts all messages from 0. Raises FeedError.
    """

def generate_itch(messages: int, *, stocks: int = 100, resting: int = 10_000, seed: int = 1) -> bytes:
    """A made-up day of valid messages of every type, the same for a seed everywhere: for tests and benchmarks."""

@final
class ItchBook:
    """The books of all stocks of an ITCH feed, order by order, from the beginning of a day."""

    def __new__(cls) -> ItchBook: ...
    def apply(self, data: _Data, *, partial: bool = False) -> int:
        """Apply messages; returns how many bytes they have.

        With `partial`, a last message that is cut off is left for the next call. Raises FeedError: the messages before
        the bad one are applied, it and those behind it are not.
        """

    @property
    def messages(self) -> int: ...
    def symbols(self) -> dict[str, int]:
        """The stock locate of each symbol of the stock directory."""

    def trading_state(self, symbol: str) -> str:
        """H halted, P paused, Q quotation only, T trading; an empty string when the feed has told none."""

    def best_bid(self, symbol: str) -> float | None: ...
    def best_ask(self, symbol: str) -> float | None: ...
    def depth(self, symbol: str, levels: int = 10) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        """Price in dollars and shares of the best levels, best first: bids, then asks."""

    def orders(self, symbol: str, side: _Side) -> list[tuple[int, float, int, int]]:
        """(order_reference_number, price, shares, timestamp) in the order in which they would trade."""

    def order(self, order_reference_number: int) -> tuple[int, _Side, float, int] | None:
        """(stock_locate, side, price, shares)."""

    def __len__(self) -> int: ...

@final
class LobsterReader:
    """A LOBSTER message file, and the orderbook file that belongs to it, as arrays. Raises FeedError."""

    def __new__(cls, messages: _Data, orderbook: _Data | None = None) -> LobsterReader: ...
    @property
    def messages(self) -> NDArray[np.void]:
        """LOBSTER_MESSAGE_DTYPE, shape (n,)."""

    @property
    def orderbook(self) -> NDArray[np.int64] | None:
        """Shape (n, 4 * levels): ask price 1, ask size 1, bid price 1, bid size 1, ask price 2, ..."""

    @property
    def levels(self) -> int: ...
    def __len__(self) -> int: ...

class _Applied(TypedDict):
    snapshot: int
    update: int
    old: int
    waiting: int
    trade: int
    ticker: int
    other: int

class _Streams(TypedDict):
    trades: NDArray[np.void]
    tickers: NDArray[np.void]

def parse_binance(data: _Data) -> _Streams:
    """The trades (BINANCE_TRADE_DTYPE) and book tickers (BINANCE_TICKER_DTYPE) of lines. Raises FeedError."""

@final
class BinanceDepth:
    """The book of one symbol of Binance's spot depth stream.

    Updates wait for the snapshot, and must follow each other without a gap (`U`, `u`). After a gap: `reset()`, go on
    applying, and apply a new snapshot.
    """

    def __new__(cls) -> BinanceDepth: ...
    def apply(self, data: _Data) -> _Applied:
        """Apply lines; returns how many there were of each kind.

        Raises FeedError: the lines before the bad one are applied, it and those behind it are not.
        """

    def reset(self) -> None: ...
    @property
    def last_update_id(self) -> int | None: ...
    @property
    def waiting(self) -> int: ...
    def best_bid(self) -> float | None: ...
    def best_ask(self) -> float | None: ...
    def depth(self, levels: int = 10) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]: ...
