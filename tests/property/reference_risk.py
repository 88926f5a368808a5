"""A slow and obviously correct risk engine: it keeps everything that ever happened and counts anew at every question.

Prices are whole ticks, quantities whole lots, one tick times one lot is worth one. What the book does is taken from the
exchange's own events (the book has a reference of its own); the model says what the book must never be asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

EVERYBODY = 2**64 - 1
EVERYWHERE = 2**32 - 1
USER_KINDS = {"max_open_orders", "max_open_notional", "max_leverage", "buying_power", "max_messages"}


@dataclass
class Live:
    user: int
    symbol: int
    side: int
    price: int
    lots: int
    opens: bool
    traded: bool


@dataclass
class Position:
    lots: int = 0
    cost: Fraction = Fraction(0)


@dataclass
class Order:
    user: int
    symbol: int
    side: int
    price: int
    worth: int
    lots: int


Scope = tuple[int, int]


@dataclass
class ReferenceRisk:
    now: int = 0
    limits: dict[Scope, dict[str, tuple[float, int]]] = field(default_factory=dict)
    switches: set[tuple[str, Scope]] = field(default_factory=set)
    live: dict[tuple[int, int], Live] = field(default_factory=dict)
    positions: dict[Scope, Position] = field(default_factory=dict)
    cash: dict[int, Fraction] = field(default_factory=dict)
    messages: dict[int, list[int]] = field(default_factory=dict)
    accepted: list[tuple[int, Order]] = field(default_factory=list)
    executions: dict[Scope, list[int]] = field(default_factory=dict)
    trades: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    reference: dict[int, int] = field(default_factory=dict)
    periods: dict[int, tuple[int | None, int]] = field(default_factory=dict)

    # Limits and switches.

    def limit(self, name: str, user: int, symbol: int) -> tuple[float, int] | None:
        def at(scope: Scope) -> tuple[float, int] | None:
            return self.limits.get(scope, {}).get(name)

        if name in USER_KINDS:
            return at((user, EVERYWHERE)) or at((EVERYBODY, EVERYWHERE))
        if own := at((user, symbol)):
            return own
        of_user, of_symbol = at((user, EVERYWHERE)), at((EVERYBODY, symbol))
        if of_user and of_symbol:
            if name == "duplicate_window":
                return of_user if of_user[0] >= of_symbol[0] else of_symbol
            return of_user if of_user[0] <= of_symbol[0] else of_symbol
        return of_user or of_symbol or at((EVERYBODY, EVERYWHERE))

    def value(self, name: str, user: int, symbol: int) -> Fraction | None:
        limit = self.limit(name, user, symbol)
        return None if limit is None else Fraction(str(limit[0]))

    def is_on(self, switch: str, user: int, symbol: int) -> bool:
        scopes = [(EVERYBODY, EVERYWHERE), (user, EVERYWHERE), (EVERYBODY, symbol), (user, symbol)]
        return any((switch, scope) in self.switches for scope in scopes)

    # Sums, counted anew.

    def of_user(self, user: int) -> list[Live]:
        return [order for order in self.live.values() if order.user == user]

    def open_notional(self, user: int) -> int:
        return sum(order.price * order.lots for order in self.of_user(user))

    def held(self, user: int) -> int:
        return sum(order.price * order.lots for order in self.of_user(user) if order.opens)

    def exposure(self, user: int) -> Fraction:
        return sum((p.cost for (owner, _), p in self.positions.items() if owner == user), Fraction(0))

    def open_lots(self, user: int, symbol: int, side: int) -> int:
        return sum(o.lots for o in self.of_user(user) if o.symbol == symbol and o.side == side)

    def position(self, user: int, symbol: int) -> int:
        return self.positions.get((user, symbol), Position()).lots

    def window(self, symbol: int) -> int | None:
        default = self.limits.get((EVERYBODY, EVERYWHERE), {}).get("collar_period")
        limit = self.limits.get((EVERYBODY, symbol), {}).get("collar_period") or default
        return limit[1] if limit else None

    def limits_changed(self) -> None:
        """A period of another length begins with the next trade."""
        for symbol in (0, 1):
            window = self.window(symbol)
            if self.periods.get(symbol, (None, 0))[0] != window:
                self.periods[symbol] = (window, len(self.trades.get(symbol, [])))

    def range(self, symbol: int) -> tuple[int, int] | None:
        window, first = self.periods.get(symbol, (None, 0))
        trades = self.trades.get(symbol, [])[first:]
        if window:
            step = window // 8
            trades = [trade for trade in trades if trade[0] >= (self.now // step - 8) * step]
        prices = [price for _, price in trades]
        return (min(prices), max(prices)) if prices else None

    # Decisions.

    def message(self, user: int) -> bool:
        """Count a message; False when it is one too many."""
        limit = self.limit("max_messages", user, EVERYWHERE)
        if limit is None:
            return True
        times = self.messages.setdefault(user, [])
        if sum(self.now - time < limit[1] for time in times) >= limit[0]:
            return False
        times.append(self.now)
        del times[: -int(limit[0])]  # a limit that shrinks forgets, and one that grows again does not remember
        return True

    def judge(self, order: Order, is_new: bool = True, collared: bool = True) -> tuple[str, bool]:
        """Return the reason and whether the order may open a position."""
        user, symbol = order.user, order.symbol
        for switch in ("unauthorised_user", "kill_switch", "halted", "restricted_symbol", "repeated_execution"):
            if self.is_on(switch, user, symbol):
                return switch, True
        limit = self.value("max_quantity", user, symbol)
        if limit is not None and order.lots > limit:
            return "max_quantity", True
        value = order.worth * order.lots
        limit = self.value("max_notional", user, symbol)
        if limit is not None and value > limit:
            return "max_notional", True
        if collared and (reason := self.collars(order)):
            return reason, True
        limit = self.value("duplicate_window", user, symbol)
        if is_new and limit is not None and any(
            self.now - time < limit
            and (o.user, o.symbol, o.side, o.price, o.lots) == (user, symbol, order.side, order.price, order.lots)
            for time, o in self.accepted
        ):  # fmt: skip
            return "duplicate_order", True
        limit = self.value("max_open_orders", user, symbol)
        if limit is not None and len(self.of_user(user)) >= limit:
            return "max_open_orders", True
        limit = self.value("max_open_notional", user, symbol)
        if limit is not None and self.open_notional(user) + value > limit:
            return "max_open_notional", True
        return self.judge_position(order, value)

    def judge_position(self, order: Order, value: int) -> tuple[str, bool]:
        user, symbol = order.user, order.symbol
        rests = self.open_lots(user, symbol, order.side) + order.lots
        after = self.position(user, symbol) + (rests if order.side == 0 else -rests)
        if (after <= 0) if order.side == 0 else (after >= 0):
            return "ok", False
        if self.is_on("reducing", user, symbol):
            return "reduce_only", True
        limit = self.value("max_position", user, symbol)
        if limit is not None and abs(after) > limit:
            return "max_position", True
        committed = self.exposure(user) + self.held(user) + value
        limit = self.value("max_leverage", user, symbol)
        if limit is not None and committed > limit * self.cash.get(user, Fraction(0)):
            return "max_leverage", True
        limit = self.value("buying_power", user, symbol)
        if limit is not None and committed > limit:
            return "buying_power", True
        return "ok", True

    def collars(self, order: Order) -> str | None:
        trades, reference = self.trades.get(order.symbol), self.reference.get(order.symbol)
        for name, middle in (("collar_last", trades[-1][1] if trades else None), ("collar_reference", reference)):
            width = self.value(name, order.user, order.symbol)
            if middle is not None and width is not None and abs(order.price - middle) > width * middle:
                return name
        width, market = self.value("collar_period", order.user, order.symbol), self.range(order.symbol)
        if width is not None and market is not None:
            low, high = market
            if order.price - low > width * low or high - order.price > width * high:
                return "collar_period"
        return None

    # What happened.

    def trade(self, symbol: int, price: int) -> None:
        self.trades.setdefault(symbol, []).append((self.now, price))

    def fill(self, user: int, symbol: int, side: int, lots: int, price: int) -> None:
        position = self.positions.setdefault((user, symbol), Position())
        sign = 1 if side == 0 else -1
        for _ in range(lots):  # one lot at a time, nothing to get wrong
            if position.lots * sign >= 0:
                position.cost += price
            else:
                paid = position.cost / abs(position.lots)
                position.cost -= paid
                self.cash[user] = self.cash.get(user, Fraction(0)) + (price - paid) * -sign
            position.lots += sign

    def executed(self, user: int, symbol: int) -> None:
        limit = self.limit("max_executions", user, symbol)
        if limit is None:
            return
        times = self.executions.setdefault((user, symbol), [])
        times.append(self.now)
        del times[: -int(limit[0])]
        if sum(self.now - time < limit[1] for time in times) >= limit[0]:
            self.switches.add(("repeated_execution", (user, symbol)))
