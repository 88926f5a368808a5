from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]

BAR_DTYPE: np.dtype[Any]

@final
class FastMarketData:
    """The published measures of a market over values and arrays; each docstring names its source."""

    def __new__(cls) -> FastMarketData: ...
    def calculate_vwap(self, ticks: Iterable[tuple[float, float]] | NDArray[Any]) -> float:
        """VWAP of (price, volume) ticks, a sequence or an array of shape (n, 2); 0.0 without volume."""

    def calculate_ofi(self, bid_volumes: Iterable[float], ask_volumes: Iterable[float]) -> float:
        """Imbalance of summed volumes, (bids - asks) / (bids + asks), from -1 to 1; 0.0 without volume."""

    def calculate_microprice(self, best_bid: float, best_ask: float, bid_volume: float, ask_volume: float) -> float:
        """Size-weighted mid, (bid * ask_volume + ask * bid_volume) / (bid_volume + ask_volume); the mid without volume.

        Stoikov's micro-price is another quantity: `MicroPrice`.
        """

    def vwap(self, prices: _Floats, volumes: _Floats) -> float:
        """Volume-weighted average price; NaN without volume."""

    def twap(self, times: _Ints, prices: _Floats, *, end: int | None = None) -> float:
        """Time-weighted average price: each price counts as long as it stood, the last one until `end`, or not at all.

        NaN without a span of time.
        """

    def size_weighted_mid(self, bids: _Floats, asks: _Floats, bid_volumes: _Floats, ask_volumes: _Floats) -> _Floats:
        """Size-weighted mid row by row: shape (n,) in, (n,) out."""

    def queue_imbalance(self, bid_volumes: _Floats, ask_volumes: _Floats) -> _Floats:
        """Queue imbalance (Gould and Bonart, arXiv 1512.03492) row by row, (bid - ask) / (bid + ask): (n,) in, out."""

    def order_flow_imbalance(self, bids: _Floats, bid_volumes: _Floats, asks: _Floats, ask_volumes: _Floats) -> _Floats:
        """OFI of Cont, Kukanov and Stoikov (arXiv 1011.6402): (n,) in, (n,) out, the first value 0.0."""

    def multi_level_order_flow_imbalance(
        self, bids: _Floats, bid_volumes: _Floats, asks: _Floats, ask_volumes: _Floats
    ) -> _Floats:
        """Multi-level OFI of Xu, Gould and Howison (arXiv 1907.06230): (n, levels) in, (n, levels) out, first row 0.0.

        Best level first. A level that does not exist has volume 0 and a price beyond all others.
        """

    def tick_rule(self, prices: _Floats) -> _Ints:
        """Signs of trades (Lee and Ready 1991): 1 after a rise, -1 after a fall, 0 before the first move; (n,) out."""

    def vpin(self, volumes: _Floats, sides: _Ints, *, bucket_volume: float, buckets: int = 50) -> _Floats:
        """VPIN (Easley, López de Prado and O'Hara 2012) of trades with known sides: (n,) in, (n,) out.

        NaN until `buckets` buckets of `bucket_volume` are complete; what overflows a bucket goes into the next one.
        """

    def bulk_vpin(
        self,
        prices: _Floats,
        volumes: _Floats,
        *,
        bucket_volume: float,
        buckets: int = 50,
        sigma: float | None = None,
    ) -> _Floats:
        """VPIN of bars by bulk classification: of a bar's volume the part Z(price change / sigma) was bought.

        (n,) in, (n,) out, NaN until `buckets` buckets are complete. The first bar only sets the price. Without `sigma`
        it is the sample's own standard deviation (n - 1) of price changes.
        """

    def kyle_lambda(self, price_changes: _Floats, signed_volumes: _Floats, *, intercept: bool = True) -> PriceImpact:
        """Kyle's lambda (Kyle 1985): the least squares line of price changes over signed volumes, (n,) both.

        Without `intercept` the line goes through the origin.
        """

    def realized_volatility(self, prices: _Floats) -> float:
        """Root of the sum of squared logarithmic returns (Andersen, Bollerslev, Diebold and Labys 2003).

        For the whole stretch of the prices; NaN with less than two.
        """

@final
class Vwap:
    """VWAP as trades come: of all of them, or of the last `window`."""

    def __new__(cls, window: int | None = None) -> Vwap: ...
    def update(self, price: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class Twap:
    """TWAP as prices come."""

    def __new__(cls) -> Twap: ...
    def update(self, time: int, price: float) -> float: ...
    @property
    def value(self) -> float: ...
    def value_at(self, end: int) -> float: ...

@final
class RealizedVolatility:
    """Realized volatility, see `FastMarketData`, as prices come: of all returns, or of the last `window` returns."""

    def __new__(cls, window: int | None = None) -> RealizedVolatility: ...
    def update(self, price: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class OrderFlowImbalance:
    """OFI (arXiv 1011.6402) as states of the top come; `total` is the sum over all of them, or the last `window`."""

    def __new__(cls, window: int | None = None) -> OrderFlowImbalance: ...
    def update(self, bid: float, bid_volume: float, ask: float, ask_volume: float) -> float: ...
    @property
    def total(self) -> float: ...

@final
class MultiLevelOrderFlowImbalance:
    """Multi-level OFI (arXiv 1907.06230) as states of a book come, four arrays of shape (levels,) each."""

    def __new__(cls, levels: int, window: int | None = None) -> MultiLevelOrderFlowImbalance: ...
    def update(self, bids: _Floats, bid_volumes: _Floats, asks: _Floats, ask_volumes: _Floats) -> _Floats: ...
    @property
    def total(self) -> _Floats: ...

@final
class Vpin:
    """VPIN (Easley, López de Prado and O'Hara 2012) of trades with known sides, as they come."""

    def __new__(cls, bucket_volume: float, buckets: int = 50) -> Vpin: ...
    def update(self, volume: float, side: int) -> float: ...
    @property
    def value(self) -> float: ...

@final
class BulkVpin:
    """VPIN by bulk classification, see `FastMarketData.bulk_vpin`, as bars come.

    sigma is the standard deviation of price changes from bar to bar.
    """

    def __new__(cls, bucket_volume: float, buckets: int = 50, *, sigma: float) -> BulkVpin: ...
    def update(self, price: float, volume: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class PriceImpact:
    """A straight line through price changes over signed volumes."""

    @property
    def slope(self) -> float:
        """Kyle's lambda, price per unit of signed volume; NaN where the volumes don't vary."""

    @property
    def intercept(self) -> float: ...
    @property
    def r_squared(self) -> float: ...
    @property
    def count(self) -> int: ...

@final
class KyleLambda:
    """Kyle's lambda (Kyle 1985) as changes come: of all of them, or of the last `window`."""

    def __new__(cls, window: int | None = None, *, intercept: bool = True) -> KyleLambda: ...
    def update(self, price_change: float, signed_volume: float) -> float: ...
    @property
    def impact(self) -> PriceImpact: ...

@final
class MicroPriceEstimator:
    """Counts the steps between samples of the top of a book, for `fit`.

    A state is one of `imbalance_buckets` even parts of bid_volume / (bid_volume + ask_volume), and a spread of 1 to
    `max_spread` ticks; at most 400 together. An odd number of buckets leaves balanced queues one of their own. Other
    spreads, and tops without volume, are not counted, nor is a step to or from one.
    """

    def __new__(cls, tick_size: float, *, imbalance_buckets: int = 9, max_spread: int = 4) -> MicroPriceEstimator: ...
    def update(self, bid: float, bid_volume: float, ask: float, ask_volume: float) -> None: ...
    def extend(self, bids: _Floats, bid_volumes: _Floats, asks: _Floats, ask_volumes: _Floats) -> None: ...
    @property
    def steps(self) -> int: ...
    def fit(self) -> MicroPrice: ...

@final
class MicroPrice:
    """A fitted micro-price (Stoikov, SSRN 2970694): the limit of the expected mid, given imbalance and spread."""

    @staticmethod
    def fit(
        bids: _Floats,
        bid_volumes: _Floats,
        asks: _Floats,
        ask_volumes: _Floats,
        *,
        tick_size: float,
        imbalance_buckets: int = 9,
        max_spread: int = 4,
    ) -> MicroPrice:
        """Fit samples of the top, (n,) each, in the order of their time. ValueError where they don't tell one."""

    def price(self, bid: float, bid_volume: float, ask: float, ask_volume: float) -> float:
        """The micro-price of a top; NaN for a state that the samples don't tell."""

    def prices(self, bids: _Floats, bid_volumes: _Floats, asks: _Floats, ask_volumes: _Floats) -> _Floats:
        """The micro-price row by row: (n,) in, (n,) out."""

    @property
    def adjustments(self) -> _Floats:
        """What to add to the mid: rows by the spread in ticks from 1 on, columns from asks only to bids only."""

    @property
    def tick_size(self) -> float: ...

@final
class Bar:
    """What happened in one bar; `time` is the interval's start for bars by time, else the first trade's."""

    @property
    def time(self) -> int: ...
    @property
    def last_time(self) -> int: ...
    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def close(self) -> float: ...
    @property
    def volume(self) -> float: ...
    @property
    def notional(self) -> float: ...
    @property
    def buy_volume(self) -> float: ...
    @property
    def sell_volume(self) -> float: ...
    @property
    def trades(self) -> int: ...
    @property
    def vwap(self) -> float: ...

@final
class BarBuilder:
    """Makes bars of trades (López de Prado 2018, chapter 2), one trade (`update`) or many (`extend`) at a time."""

    @staticmethod
    def by_time(interval: int) -> BarBuilder:
        """Bars that end at multiples of `interval`, in the unit of the times; none for an interval without trade."""

    @staticmethod
    def by_ticks(size: int) -> BarBuilder:
        """Bars of `size` trades."""

    @staticmethod
    def by_volume(size: float) -> BarBuilder:
        """Bars that end with the trade that brings their volume to `size`; trades are never split."""

    @staticmethod
    def by_notional(size: float) -> BarBuilder:
        """Bars that end with the trade that brings their sum of absolute price times volume to `size`."""

    @staticmethod
    def by_imbalance(
        expected_ticks: float,
        expected_imbalance: float,
        *,
        of: Literal["ticks", "volume", "notional"] = "volume",
        adapt: float = 0.0,
    ) -> BarBuilder:
        """Bars that end when |sum of side times measure| reaches `expected_ticks * expected_imbalance`.

        After each bar both move by the part `adapt` of the way to its trades and its imbalance per trade.
        """

    def update(self, time: int, price: float, volume: float, side: int = 0) -> Bar | None:
        """Take a trade in and return the bar that it completed.

        A bar by time is completed by the first trade after it, which is not in it; any other by its own last trade.
        """

    def extend(self, times: _Ints, prices: _Floats, volumes: _Floats, sides: _Ints | None = None) -> NDArray[np.void]:
        """Take n trades in and return the completed bars, rows of BAR_DTYPE; on ValueError no trade was taken in."""

    @property
    def current(self) -> Bar | None:
        """The bar that is being made."""
