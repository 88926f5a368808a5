"""What travels on the streams: commands on ORDERS, events on EVENTS, book and trade messages on MARKET_DATA.

Every message is a tagged msgspec struct with a schema version `v`. Times are nanoseconds since 1970 (UTC) and come with
the command: the engine has no clock of its own. An order's id is the stream sequence of the command that opened it, so
that any number of API workers agree on ids without talking to each other. Events carry `seq`, the stream sequence of
the command that caused them, and `pos`, their position among that command's events; both make the message id. The last
event of a command says so (`last`), so that whoever waits for a command's outcome knows when it is complete. What the
engine decides from (instruments, risk limits) travels on ORDERS as well: the journal alone determines every event.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
TradingState = Literal["active", "reducing", "halted"]
Phase = Literal["continuous", "halted", "opening_auction", "closing_auction", "volatility_auction"]
RiskLimit = Literal[
    "max_quantity", "max_notional", "max_position", "collar_last", "collar_reference", "collar_period",
    "max_executions", "duplicate_window", "max_open_orders", "max_open_notional", "max_leverage",
    "buying_power", "max_messages",
]  # fmt: skip
RiskSetting = Literal[RiskLimit, "cash", "reference", "restricted", "unauthorised", "enable"]
SCHEMA_VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """Base of everything on a stream. None refers to itself: the garbage collector need not look for that."""

    v: int = SCHEMA_VERSION
    symbol: str
    ts: int


class Command(Message, frozen=True, kw_only=True):
    """Written by the API on `orders.<SYMBOL>`."""

    user_id: int


class NewOrder(Command, frozen=True, kw_only=True, tag="new"):
    """Open an order; `price` is None for a market order, and for a stop or a pegged order without a limit.

    A stop has `trigger_price` or `trail`; a pegged order `peg` and `offset`. `quantity` of a notional order is an
    amount of money. `expires` is for GTD, in nanoseconds since 1970 (UTC). DAY leaves with `EndOfDay`; ATO and ATC come
    in during the opening and the closing auction alone, and leave when it ends.
    """

    side: Side
    order_type: Literal["limit", "market", "market_to_limit", "stop", "pegged", "notional"]
    quantity: float
    price: float | None = None
    tif: Literal["GTC", "IOC", "FOK", "DAY", "GTD", "ATO", "ATC"] = "GTC"
    post_only: bool = False
    client_order_id: str | None = None
    display_quantity: float | None = None
    min_quantity: float | None = None
    expires: int | None = None
    trigger_price: float | None = None
    trail: float | None = None
    offset: float = 0.0
    peg: Literal["primary", "mid", "market"] | None = None
    reprice: bool = False
    hidden: bool = False
    all_or_none: bool = False
    reduce_only: bool = False


class CancelOrder(Command, frozen=True, kw_only=True, tag="cancel"):
    """Cancel what is left of an order."""

    order_id: int


class ReduceOrder(Command, frozen=True, kw_only=True, tag="reduce"):
    """Take `by` off an order's quantity; it keeps its priority."""

    order_id: int
    by: float


class ModifyOrder(Command, frozen=True, kw_only=True, tag="modify"):
    """Give a resting order another price, another quantity left, or both; a pegged order's price is its limit.

    It keeps its priority only if the price stays and the quantity does not grow; else it comes in anew and may take.
    """

    order_id: int
    price: float | None = None
    quantity: float | None = None


class MassCancel(Command, frozen=True, kw_only=True, tag="mass_cancel"):
    """Cancel all of the user's own orders in a symbol, or those of one side or within a range of prices.

    A stop's price is its trigger; a pegged order without a price is in no range.
    """

    side: Side | None = None
    min_price: float | None = None
    max_price: float | None = None


class SetInstrument(Command, frozen=True, kw_only=True, tag="instrument"):
    """Open a symbol for trading, or change its grid while its book is empty. By the engine itself; causes no events."""

    tick_size: float
    lot_size: float


class SetLimits(Command, frozen=True, kw_only=True, tag="limits"):
    """Change the risk limits of every account; `symbol` is `_limits`. Written by the engine; causes no events."""

    max_position: float
    max_notional: float
    max_leverage: float
    account_value: float


class SetAccountLimits(Command, frozen=True, kw_only=True, tag="account_limits"):
    """Give the account `user_id` limits of its own; what is None is everybody's, and all None takes them away.

    `symbol` is `_limits.<account>`; `by` is the account whose key asked for it.
    """

    max_position: float | None = None
    max_notional: float | None = None
    max_leverage: float | None = None
    account_value: float | None = None
    by: int = 0


class KillSwitch(Command, frozen=True, kw_only=True, tag="kill_switch"):
    """Set the state of the account `user_id`, of an instrument (`user_id` 0), or of everything (neither).

    Halted: no order passes but a cancel, and a stop that fires is cancelled ("kill_switch"). Reducing: only orders that
    reduce the position pass. Orders that rest stay, and may trade.
    `symbol` is `_state`, `_state.account.<account>` or `_state.symbol.<SYMBOL>`; `by` is the account whose key asked.
    """

    state: TradingState
    instrument: str | None = None
    by: int = 0


class SetPhase(Command, frozen=True, kw_only=True, tag="set_phase"):
    """Halt an instrument, let its orders gather for an auction, or resume trading where they don't cross.

    As all commands about the course of a day: `symbol` is `_session.<instrument>`, `user_id` 0, and `by` the account
    whose key asked.
    """

    instrument: str
    phase: Phase
    by: int = 0


class Uncross(Command, frozen=True, kw_only=True, tag="uncross"):
    """End an instrument's auction: what can trade does, at one price; orders for that auction alone leave.

    Among prices that are equally good the one closest to `reference` is taken (None: the last trade's). What the price
    fires trades first, then the phase is `then`.
    """

    instrument: str
    reference: float | None = None
    then: Literal["continuous", "halted"] = "continuous"
    by: int = 0


class EndOfDay(Command, frozen=True, kw_only=True, tag="end_of_day"):
    """End an instrument's day: orders that are good for it, or for an auction of it, leave. The phase stays."""

    instrument: str
    by: int = 0


class SetRisk(Command, frozen=True, kw_only=True, tag="risk"):
    """Set what the core's risk engine judges by: for everybody, the account `user_id`, an instrument, or both together.

    A limit becomes `value`, over `window_ns` where it is one over a time; None takes it away. "cash" is what an account
    has, "reference" an instrument's price for collars. "restricted" and "unauthorised" (an account) hold with value 1,
    and no longer with None. "enable" lets accounts that traded too often go on. `symbol` is what `risk_place` returns;
    `by` is the account whose key asked.
    """

    setting: RiskSetting
    value: float | None = None
    window_ns: int = 0
    instrument: str | None = None
    by: int = 0


def risk_place(setting: RiskSetting, user_id: int = 0, instrument: str | None = None) -> str:
    """Return what stands for the symbol of a `SetRisk` and its event: one name for each thing that can be set."""
    account = f".account.{user_id}" if user_id else ""
    return f"_risk.{setting}{account}" + (f".symbol.{instrument}" if instrument is not None else "")


class Event(Message, frozen=True, kw_only=True):
    """Written by the engine on `events.<SYMBOL>`; `ts` is the command's.

    The last event of a command says so by `last`: who waits for a command's outcome needs no timer to know it whole.
    """

    seq: int
    pos: int
    user_id: int
    order_id: int
    last: bool = False

    @property
    def message_id(self) -> str:
        """Return the `Nats-Msg-Id` under which a replay publishes nothing twice."""
        return f"{self.seq}.{self.pos}"


class Accepted(Event, frozen=True, kw_only=True, tag="accepted"):
    """The order passed risk: always a new order's first event, its fills follow; `resting` stays in the book."""

    side: Side
    quantity: float
    price: float | None = None
    resting: float = 0.0
    client_order_id: str | None = None


class Fill(Event, frozen=True, kw_only=True, tag="fill"):
    """One match. `order_id` and `user_id` are the taker's; `side` is the taker's side."""

    side: Side
    price: float
    quantity: float
    maker_order_id: int
    maker_user_id: int


class Cancelled(Event, frozen=True, kw_only=True, tag="cancelled"):
    """`quantity` left the book: by the owner, or what an IOC or market order could not fill."""

    quantity: float
    reason: str = "user"


class Reduced(Event, frozen=True, kw_only=True, tag="reduced"):
    """The order has `remaining` left."""

    remaining: float


class Modified(Event, frozen=True, kw_only=True, tag="modified"):
    """The order's new `price` (None: a pegged one without limit) and `quantity`; its fills follow, `resting` stays."""

    quantity: float
    price: float | None = None
    resting: float = 0.0


class MassCancelled(Event, frozen=True, kw_only=True, tag="mass_cancelled"):
    """The last event of a mass cancel: `count` orders were cancelled, each told before. `order_id` is the command's."""

    count: int


class Rejected(Event, frozen=True, kw_only=True, tag="rejected"):
    """Risk or the book refused the command; nothing changed. `code` is stable, `reason` is for people."""

    code: str
    reason: str


class AccountLimitsSet(Event, frozen=True, kw_only=True, tag="account_limits_set"):
    """The account has these limits now, and where it is None everybody's. `order_id` is the command's."""

    max_position: float | None = None
    max_notional: float | None = None
    max_leverage: float | None = None
    account_value: float | None = None


class KillSwitchSet(Event, frozen=True, kw_only=True, tag="kill_switch_set"):
    """The account, the instrument, or everything has this state now. `order_id` is the command's."""

    state: TradingState
    instrument: str | None = None


class PhaseSet(Event, frozen=True, kw_only=True, tag="phase_set"):
    """The instrument has this phase now; what traded because of it was told before. `order_id` is the command's."""

    instrument: str
    phase: Phase


class Uncrossed(Event, frozen=True, kw_only=True, tag="uncrossed"):
    """The auction is over: `volume` traded at `price` (None: nothing), each fill told before, its taker the buyer.

    `imbalance` would have been bought at that price beyond the volume; negative: sold. `phase` is what follows.
    """

    instrument: str
    phase: Phase
    price: float | None = None
    volume: float = 0.0
    imbalance: float = 0.0


class DayEnded(Event, frozen=True, kw_only=True, tag="day_ended"):
    """The instrument's day is over: `count` orders left because of it, each told before. `phase` is as it was."""

    instrument: str
    phase: Phase
    count: int


class RiskSet(Event, frozen=True, kw_only=True, tag="risk_set"):
    """This holds now, for whom the command was about. `order_id` is the command's."""

    setting: RiskSetting
    value: float | None = None
    window_ns: int = 0
    instrument: str | None = None


class BookUpdate(Message, frozen=True, kw_only=True, tag="book"):
    """Depth after a command: `(price, quantity)` pairs, best first, on `market.book.<SYMBOL>`.

    In an auction both sides may cross. If it ended now, `indicative_volume` would trade at `indicative_price` (None:
    nothing would), and `imbalance` more be bought; negative: sold.
    """

    seq: int
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    phase: Phase = "continuous"
    indicative_price: float | None = None
    indicative_volume: float = 0.0
    imbalance: float = 0.0


class Quote(Message, frozen=True, kw_only=True, tag="quote"):
    """The best prices of a market that a feed tells of, and the quantities there, on `market.ticks.<SYMBOL>`.

    A side that is empty has None.
    """

    seq: int
    bid: float | None = None
    bid_quantity: float | None = None
    ask: float | None = None
    ask_quantity: float | None = None


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What engine, recorder and feed answer to a plain NATS request on `status.<service>` (see `status_subject`).

    `position` is the stream sequence handled last, `lag` the number of messages that wait behind it. An engine's
    `service` says which one of how many shards it is.
    """

    service: str
    position: int
    lag: int
    detail: str = ""


class SymbolUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account has in a symbol: its position (negative when short), and what its open orders buy and sell."""

    symbol: str
    position: float
    open_buy: float = 0.0
    open_sell: float = 0.0
    throttled: bool = False


class RiskUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the engine answers to an account's number on `Shard.usage_subject`: how much of its limits the account uses.

    `counted` is False before any `SetRisk`: then sums are not kept, and positions are all there is.
    `buying_power_left` is None without a limit on leverage or buying power.
    """

    account_id: int
    position: int
    counted: bool
    symbols: list[SymbolUsage]
    cash: float = 0.0
    exposure: float = 0.0
    held: float = 0.0
    open_notional: float = 0.0
    open_orders: int = 0
    buying_power_left: float | None = None


def status_subject(service: str) -> str:
    """Return where `service` (an engine's `Shard.service`, "recorder", "feed") answers with its `ServiceStatus`."""
    return f"status.{service}"


class Trade(Message, frozen=True, kw_only=True, tag="trade"):
    """A fill as the market sees it, on `market.trades.<SYMBOL>`."""

    seq: int
    pos: int
    side: Side
    price: float
    quantity: float


UserCommand = NewOrder | CancelOrder | ReduceOrder | ModifyOrder | MassCancel
RiskCommand = SetAccountLimits | KillSwitch | SetRisk
SessionCommand = SetPhase | Uncross | EndOfDay
AnyCommand = UserCommand | SetInstrument | SetLimits | RiskCommand | SessionCommand
OrderEvent = Accepted | Fill | Cancelled | Reduced | Modified | MassCancelled | Rejected
SessionEvent = PhaseSet | Uncrossed | DayEnded
AnyEvent = OrderEvent | AccountLimitsSet | KillSwitchSet | RiskSet | SessionEvent
AnyMarketData = BookUpdate | Trade
