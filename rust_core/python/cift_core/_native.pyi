from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from cift_core.market_data import FastMarketData as FastMarketData

_Side: TypeAlias = Literal["buy", "sell"]
_Tif: TypeAlias = Literal["GTC", "IOC", "FOK", "DAY", "GTD", "ATO", "ATC", "AON"]
_Stp: TypeAlias = Literal["none", "cancel_taker", "cancel_maker", "cancel_both", "decrement"]
_Reason: TypeAlias = Literal["user", "unfilled", "self_trade", "expired", "refused", "reduce_only"]
_Peg: TypeAlias = Literal["primary", "mid", "market"]
_Unseen: TypeAlias = Literal["hidden", "pegged", "all_or_none"]
_Phase: TypeAlias = Literal["continuous", "halted", "opening_auction", "closing_auction", "volatility_auction"]
_Indication: TypeAlias = tuple[float, float, float]
_Cancels: TypeAlias = list[tuple[int, float, _Reason]]
_Levels: TypeAlias = list[tuple[float, float]]

class _BuildInfo(TypedDict):
    version: str
    target_cpu: str
    features: list[str]
    profile: str
    rustc: str

def build_info() -> _BuildInfo: ...

class OrderError(ValueError):
    code: str
    field: str

class Fill:
    @property
    def price(self) -> float: ...
    @property
    def quantity(self) -> float: ...
    @property
    def maker_order_id(self) -> int: ...
    @property
    def maker_user_id(self) -> int: ...
    @property
    def taker_order_id(self) -> int: ...
    @property
    def taker_user_id(self) -> int: ...
    @property
    def taker_side(self) -> _Side: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Any, ...]: ...

class RestingOrder:
    order_id: int
    side: _Side
    price: float
    quantity: float
    user_id: int
    post_only: bool
    visible: float
    hidden: bool
    all_or_none: bool
    reduce_only: bool
    peg: _Peg | None
    limit_price: float | None

class FastOrderBook:
    def __new__(
        cls,
        symbol: str,
        *,
        tick_size: float = 0.01,
        lot_size: float = 1.0,
        stp: _Stp = "none",
        negative_prices: bool = False,
        changes: bool = False,
    ) -> FastOrderBook: ...
    @property
    def symbol(self) -> str: ...
    @property
    def tick_size(self) -> float: ...
    @property
    def lot_size(self) -> float: ...
    @property
    def stp(self) -> _Stp: ...
    def add_limit_order(
        self,
        order_id: int,
        side: _Side,
        price: float,
        quantity: float,
        user_id: int,
        *,
        tif: _Tif = "GTC",
        post_only: bool = False,
        reprice: bool = False,
        display_quantity: float | None = None,
        min_quantity: float | None = None,
        expires: int | None = None,
        hidden: bool = False,
        all_or_none: bool = False,
        reduce_only: bool = False,
    ) -> tuple[int, list[Fill]]: ...
    def add_pegged_order(
        self,
        order_id: int,
        side: _Side,
        quantity: float,
        user_id: int,
        *,
        peg: _Peg,
        offset: float = 0.0,
        limit_price: float | None = None,
        tif: _Tif = "GTC",
        expires: int | None = None,
        reduce_only: bool = False,
    ) -> tuple[int, list[Fill]]: ...
    def add_market_order(
        self, order_id: int, side: _Side, quantity: float, user_id: int, *, reduce_only: bool = False
    ) -> list[Fill]: ...
    def add_market_to_limit_order(
        self, order_id: int, side: _Side, quantity: float, user_id: int, *, reduce_only: bool = False
    ) -> tuple[int, list[Fill]]: ...
    def add_market_notional_order(self, order_id: int, side: _Side, notional: float, user_id: int) -> list[Fill]: ...
    def add_stop_order(
        self,
        order_id: int,
        side: _Side,
        quantity: float,
        user_id: int,
        *,
        trigger_price: float | None = None,
        trail: float | None = None,
        limit_price: float | None = None,
        tif: _Tif = "GTC",
        post_only: bool = False,
        reprice: bool = False,
        display_quantity: float | None = None,
        min_quantity: float | None = None,
        expires: int | None = None,
        hidden: bool = False,
        all_or_none: bool = False,
        reduce_only: bool = False,
    ) -> tuple[int, list[Fill]]: ...
    def cancel_order(self, order_id: int) -> bool: ...
    def cancel_orders(
        self,
        *,
        user_id: int | None = None,
        side: _Side | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> _Cancels: ...
    def advance_time(self, now: int) -> _Cancels: ...
    def end_of_day(self) -> _Cancels: ...
    def cancelled(self) -> _Cancels: ...
    def fills(self) -> list[Fill]: ...
    def triggered(self) -> list[int]: ...
    def set_position(self, user_id: int, position: float | None) -> _Cancels: ...
    def position(self, user_id: int) -> float | None: ...
    def unseen_orders(self, side: _Side) -> list[tuple[int, float | None, float, int, _Unseen]]: ...
    @property
    def trade_number(self) -> int: ...
    @property
    def change_number(self) -> int: ...
    def changes(self) -> NDArray[np.void]: ...
    def stops(self) -> list[tuple[int, _Side, float, float, int]]: ...
    def last_price(self) -> float | None: ...
    @property
    def phase(self) -> _Phase: ...
    def set_phase(self, phase: _Phase) -> None: ...
    def indication(self, reference: float | None = None) -> _Indication | None: ...
    def uncross(self, reference: float | None = None) -> tuple[_Indication | None, list[Fill]]: ...
    def queue_position(self, order_id: int) -> tuple[int, float] | None: ...
    def reduce_order(self, order_id: int, by: float) -> float: ...
    def modify_order(
        self, order_id: int, *, price: float | None = None, quantity: float | None = None
    ) -> list[Fill]: ...
    def order(self, order_id: int) -> RestingOrder | None: ...
    def best_bid(self) -> float | None: ...
    def best_ask(self) -> float | None: ...
    def spread(self) -> float | None: ...
    def volume_at_price(self, price: float, side: _Side) -> float: ...
    def depth(self, levels: int = 10) -> tuple[_Levels, _Levels]: ...
    def orders(self, side: _Side) -> list[tuple[int, float, float, int]]: ...
    def __len__(self) -> int: ...
    def submit_batch(self, commands: NDArray[np.void]) -> NDArray[np.void]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...
    def state_hash(self) -> int: ...
    def reserve(self, orders: int) -> None: ...
    def shrink(self) -> None: ...

class FastRiskEngine:
    def __new__(cls, max_position_size: float, max_notional: float, max_leverage: float) -> FastRiskEngine: ...
    @property
    def max_position_size(self) -> float: ...
    @property
    def max_notional(self) -> float: ...
    @property
    def max_leverage(self) -> float: ...
    def check_order(
        self,
        symbol: str,
        side: _Side,
        quantity: float,
        price: float,
        current_position: float,
        account_value: float,
    ) -> tuple[bool, str]: ...
    def max_order_size(
        self, symbol: str, side: _Side, price: float, current_position: float, account_value: float
    ) -> float: ...

_Limit: TypeAlias = Literal[
    "max_quantity",
    "max_notional",
    "max_position",
    "collar_last",
    "collar_reference",
    "collar_period",
    "max_executions",
    "duplicate_window",
    "max_open_orders",
    "max_open_notional",
    "max_leverage",
    "buying_power",
    "max_messages",
]

class UserState:
    cash: float
    exposure: float
    held: float
    open_notional: float
    open_orders: int

class AccountState:
    position: float
    open_buy: float
    open_sell: float
    throttled: bool

class Exchange:
    def __new__(cls, *, open_access: bool = True) -> Exchange: ...
    def add_symbol(
        self,
        symbol: str,
        *,
        tick_size: float = 0.01,
        lot_size: float = 1.0,
        stp: _Stp = "none",
        negative_prices: bool = False,
    ) -> int: ...
    @property
    def symbols(self) -> list[str]: ...
    @property
    def now(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @staticmethod
    def reasons() -> dict[int, tuple[str, str]]: ...
    def submit_batch(self, commands: NDArray[np.void]) -> NDArray[np.void]: ...
    def check_order(
        self, symbol: str | int, user_id: int, side: _Side, quantity: float, price: float
    ) -> tuple[bool, str]: ...
    def user(self, user_id: int) -> UserState | None: ...
    def account(self, user_id: int, symbol: str | int) -> AccountState: ...
    def depth(self, symbol: str | int, levels: int = 10) -> tuple[_Levels, _Levels]: ...
    def set_limit(
        self,
        name: _Limit,
        value: float | None,
        *,
        user_id: int | None = None,
        symbol: str | int | None = None,
        window: int = 0,
    ) -> None: ...
    def set_cash(self, user_id: int, amount: float) -> None: ...
    def set_reference(self, symbol: str | int, price: float | None) -> None: ...
    def set_state(
        self,
        state: Literal["active", "reducing", "halted"],
        *,
        user_id: int | None = None,
        symbol: str | int | None = None,
    ) -> None: ...
    def kill(
        self, on: bool = True, *, user_id: int | None = None, symbol: str | int | None = None
    ) -> NDArray[np.void]: ...
    def restrict(self, on: bool = True, *, user_id: int | None = None, symbol: str | int | None = None) -> None: ...
    def enable(self, *, user_id: int | None = None, symbol: str | int | None = None) -> None: ...
    def authorise(self, user_id: int, on: bool = True) -> None: ...
    def shrink(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...
    def state_hash(self) -> int: ...
