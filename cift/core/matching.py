"""What the engine decides: one command in, its events out. No clock, no randomness, no input or output.

The same commands in the same order give the same events and the same `state_hash` on every machine; the engine service
relies on it to find out, after a crash, what it had already said.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec
from cift_core import FastOrderBook, OrderError
from cift_core import Fill as CoreFill

from cift.core.changing import cancel, mass_cancel, reduce, to_be
from cift.core.entering import (
    Refused,
    check_numbers,
    check_special,
    enter,
    is_special,
    market_price,
    price_to_judge,
)
from cift.core.following import followed
from cift.core.known_orders import KnownOrders
from cift.core.limit_gate import LimitGate, refuse_sums, uncounted
from cift.core.market import Market, PlainState
from cift.core.matcher_state import Frozen, HashedMarket, MarketState, SnapshotError, load, state_hash
from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    BookUpdate,
    CancelOrder,
    EndOfDay,
    KillSwitch,
    MassCancel,
    Modified,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
    RiskCommand,
    RiskUsage,
    SessionCommand,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetPhase,
    SetRisk,
    Side,
    Uncross,
    UserCommand,
)
from cift.core.risk_control import RiskControl, Wanted
from cift.core.sessions import carry_out, settle
from cift.core.shards import WHOLE, Shard
from cift.core.telling import accepted, counted, modified, numbered, rejected, staff_rejected, traded


class Matcher:
    """Books, positions and limits of everybody, driven by the journal's commands in order.

    That of one shard of several knows every instrument's grid, and decides the orders of its own.
    """

    def __init__(self, shard: Shard = WHOLE) -> None:
        self.shard = shard
        self.sequence = 0
        self.touched: set[str] = set()
        self._markets: dict[str, Market] = {}
        self._positions: dict[tuple[int, str], int] = {}
        self._risk = RiskControl()
        self._gate: LimitGate | None = None
        self._known = KnownOrders()

    @property
    def limits(self) -> SetLimits | None:
        """The limits in force; without any, no order passes."""
        return self._risk.limits

    @property
    def instruments(self) -> dict[str, tuple[float, float]]:
        """Tick and lot size of every symbol open for trading."""
        return {symbol: (market.book.tick_size, market.lot_size) for symbol, market in self._markets.items()}

    def has_orders(self, symbol: str) -> bool:
        """Return whether orders rest in a symbol's book: then its grid can't change."""
        market = self._markets.get(symbol)
        return market is not None and len(market.book) > 0

    def position(self, user_id: int, symbol: str) -> float:
        """Return what `user_id` holds of `symbol`, negative when short."""
        market = self._markets.get(symbol)
        return market.quantity(self._positions.get((user_id, symbol), 0)) if market else 0.0

    def apply(self, seq: int, command: AnyCommand) -> list[AnyEvent]:
        """Decide the command with stream sequence `seq`; sequences only rise.

        Every command of a user gives at least one event, the last one marked so. `touched` collects the symbols whose
        book may look different now; who publishes books empties it.
        """
        self.sequence = seq
        match command:
            case SetInstrument():
                self._open(command)
                return []
            case SetLimits():
                with suppress(ValueError):  # numbers that are no limits: those before hold on
                    self._risk.limit(command)
                return []
            case SetAccountLimits() | KillSwitch() | SetRisk():
                return [self._control(seq, command)]
            case SetPhase() | Uncross() | EndOfDay():
                return self._session(seq, command)
        expired: list[AnyEvent] = []
        if self._gate is not None:
            self._gate.begin(command.ts)
        try:
            market = self._market(command.symbol)
            if market.special:
                expired = self._expired(seq, command, market)
            match command:
                case NewOrder():
                    events = self._new(seq, command, market)
                case MassCancel():
                    events = self._mass_cancel(seq, command, market)
                case _:
                    events = self._change(seq, command, market)
        except (Refused, OrderError) as refusal:
            return numbered([*expired, rejected(seq, command, refusal.code, str(refusal))])
        except ValueError as error:  # a number that the core cannot even hold
            return numbered([*expired, rejected(seq, command, "out_of_range", str(error))])
        self.touched.add(command.symbol)
        if isinstance(command, NewOrder) and not market.special:
            return events  # numbered as they were made: most commands are such orders
        return numbered(expired + events)

    def plain(self) -> PlainState | None:
        """Return what the core decides plain commands on in our stead; None while more counts than books and limits.

        It is for the next command: any other than a plain one may put other objects in their place.
        """
        if self._gate is not None or (judges := self._risk.judges) is None:
            return None
        return PlainState(self._markets, self._positions, *self._known.tables, *judges, self.touched)

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            raise Refused("unknown_symbol", f"{symbol} is not open for trading")
        return market

    def _expired(self, seq: int, command: UserCommand | SessionCommand, market: Market) -> list[AnyEvent]:
        market.book.advance_time(max(0, command.ts))
        return self._followed(seq, command, market, market.book.fills())

    def _session(self, seq: int, command: SessionCommand) -> list[AnyEvent]:
        """Let an instrument's day go on: what happens to orders is told as the instrument's own, last what it was."""
        there = msgspec.structs.replace(command, symbol=command.instrument)
        events: list[AnyEvent] = []
        if self._gate is not None:
            self._gate.begin(command.ts)
        try:
            market = self._market(command.instrument)
            if market.special:
                events += self._expired(seq, there, market)
            fills, said = carry_out(seq, command, market.book)
            events += [*self._followed(seq, there, market, fills), said]
            settle(command, market.book)
        except (Refused, OrderError) as refusal:
            events.append(staff_rejected(seq, command, refusal.code, str(refusal)))
        except ValueError as error:
            events.append(staff_rejected(seq, command, "out_of_range", str(error)))
        if command.instrument in self._markets:
            self.touched.add(command.instrument)
        return numbered(events)

    def _control(self, seq: int, command: RiskCommand) -> AnyEvent:
        try:
            match command:
                case KillSwitch():
                    event: AnyEvent = self._risk.switch(seq, command)
                    for symbol, market in self._markets.items():
                        self._bar(symbol, market.book)
                case SetAccountLimits():
                    event = self._risk.limit_account(seq, command)
                case SetRisk():
                    if self.shard.count > 1:
                        refuse_sums(command)
                    # One that is refused leaves no gate behind where there was none.
                    gate = self._gate or LimitGate.over(self._markets, self._positions)
                    gate.begin(command.ts)
                    event = gate.set(seq, command, self._markets)
                    self._gate = gate
            return event
        except Refused as refusal:
            return staff_rejected(seq, command, refusal.code, str(refusal))
        except ValueError as error:
            return staff_rejected(seq, command, "out_of_range", str(error))

    def _bar(self, symbol: str, book: FastOrderBook) -> None:
        """Have the stops cancelled that fire for whom the kill switch has halted: they ask nobody else."""
        everybody, accounts = self._risk.halted(symbol)
        book.set_barred(accounts, everybody=everybody)

    def book(self, symbol: str, ts: int, levels: int) -> BookUpdate:
        """Return the depth of `symbol` as of the last command."""
        return self._markets[symbol].shown(symbol, ts, self.sequence, levels)

    def state_hash(self) -> int:
        """Return 64 bits that are equal exactly when books, positions and limits are equal."""
        markets = [
            HashedMarket(symbol, market.book.tick_size, market.lot_size, market.book.state_hash())
            for symbol, market in self._markets.items()
        ]
        return state_hash(self.sequence, markets, self._positions, self._digest())

    def _digest(self) -> list[bytes]:
        gate = [] if self._gate is None else [self._gate.digest()]
        return [*self._risk.digest(), *gate]

    def usage(self, user_id: int) -> RiskUsage:
        """Return how much of its limits an account uses."""
        if self._gate is not None:
            return self._gate.usage(user_id, self.sequence, self._markets)
        held = {symbol: self.position(user_id, symbol) for symbol in sorted(self._markets)}
        return uncounted(user_id, self.sequence, held)

    def freeze(self) -> Frozen:
        """Return the state at this moment, to be encoded while the matcher goes on."""
        return Frozen(
            sequence=self.sequence,
            markets=[
                MarketState(symbol, market.book.tick_size, market.lot_size, market.special, market.book.snapshot())
                for symbol, market in self._markets.items()
            ],
            positions=self._positions.copy(),
            known=self._known.copy(),
            limits=self._risk.limits,
            account_limits=self._risk.own,
            switches=self._risk.switches,
            risk=list(self._risk.digest()),
            gate=b"" if self._gate is None else self._gate.snapshot(),
        )

    def snapshot(self) -> bytes:
        """Return everything that the next commands are decided from, for `restore`."""
        return self.freeze().encode()

    @classmethod
    def restore(cls, snapshot: bytes, shard: Shard = WHOLE) -> Matcher:
        """Return the matcher that `snapshot` was taken of, which was that shard's.

        Raises:
            SnapshotError: it is damaged, of another release, or gives another state than it was taken of.
        """
        state = load(snapshot)
        matcher = cls(shard)
        matcher.sequence = state.sequence
        try:
            matcher._risk = RiskControl.restore(state.limits, state.account_limits, state.switches)
        except (Refused, ValueError) as error:
            raise SnapshotError(f"limits: {error}") from None
        for each in state.markets:
            try:
                book = FastOrderBook(each.symbol, tick_size=each.tick_size, lot_size=each.lot_size)
                book.restore(each.book)
            except ValueError as error:
                raise SnapshotError(f"book of {each.symbol}: {error}") from None
            matcher._bar(each.symbol, book)
            matcher._markets[each.symbol] = Market(book, each.lot_size, each.special)
        matcher._positions = {(user_id, symbol): lots for user_id, symbol, lots in state.positions}
        matcher._known = KnownOrders.restore(state.names, state.owners)
        if state.gate:
            try:
                matcher._gate = LimitGate.restore(state.gate)
            except ValueError as error:
                raise SnapshotError(f"limits of the core: {error}") from None
        matcher.touched = {symbol for symbol in matcher._markets if shard.owns(symbol)}
        if matcher.state_hash() != state.hash:
            raise SnapshotError(f"state {matcher.state_hash():016x}, taken of {state.hash:016x}")
        return matcher

    def _open(self, command: SetInstrument) -> None:
        market = self._markets.get(command.symbol)
        if market is not None and len(market.book):
            return  # resting orders lie on the old grid; the engine compares afterwards and says so
        try:
            book = FastOrderBook(command.symbol, tick_size=command.tick_size, lot_size=command.lot_size)
        except ValueError:
            return
        if market is not None and market.lot_size != command.lot_size:
            for key in [key for key in self._positions if key[1] == command.symbol]:
                self._positions[key] = round(self._positions[key] * market.lot_size / command.lot_size)
        self._bar(command.symbol, book)
        if market is not None and market.book.phase != "continuous":
            book.set_phase(market.book.phase)
        self._markets[command.symbol] = Market(book, command.lot_size)
        if self._gate is not None:
            self._gate.open(command.symbol, self._markets[command.symbol], self._positions)
        if self.shard.owns(command.symbol):
            self.touched.add(command.symbol)

    def _check(self, command: NewOrder, market: Market) -> None:
        """Refuse what the book would not: a second live order of one name, and what risk forbids."""
        name = command.client_order_id
        if (taken := self._known.with_name(command.user_id, name)) is not None:
            raise Refused("duplicate_client_order_id", f"client_order_id {name!r} is that of live order {taken}")
        if command.order_type == "limit" and command.price is None:
            raise Refused("price_missing", "a limit order needs a price")
        check_special(command)
        check_numbers(command.quantity, command.price)
        price = price_to_judge(command, market.book)
        quantity = command.quantity
        if command.order_type == "notional" and price is not None:
            quantity /= price
        self._judge(command, command.side, quantity, price, market)

    def _judge(
        self, command: NewOrder | ModifyOrder, side: Side, quantity: float, price: float | None, market: Market
    ) -> None:
        """Refuse what risk forbids; `price` is None if nothing would be traded."""
        if self._risk.limits is None:
            raise Refused("no_limits", "no risk limits are set: nothing may be traded")
        position = market.quantity(self._positions.get((command.user_id, command.symbol), 0))
        changing = command.order_id if isinstance(command, ModifyOrder) else 0
        wanted = Wanted(command.user_id, command.symbol, side, quantity, position, changing)
        self._risk.check_state(wanted, market.book)
        if price is not None:
            self._risk.judge(wanted, price)

    def _new(self, seq: int, command: NewOrder, market: Market) -> list[AnyEvent]:
        self._check(command, market)
        bound = None if self._gate is None else self._gate.check(seq, command, market.book)
        book, symbol, user_id, side = market.book, command.symbol, command.user_id, command.side
        fills: list[CoreFill]
        if market.special or is_special(command):
            return self._new_special(seq, command, market, bound)
        if command.price is None or command.order_type == "market":
            if bound is None:
                fills = book.add_market_order(seq, side, command.quantity, user_id)
            else:
                _, fills = book.add_limit_order(seq, side, bound, command.quantity, user_id, tif="IOC")
            reason = "no_liquidity"
        else:
            _, fills = book.add_limit_order(
                seq, side, command.price, command.quantity, user_id, tif=command.tif, post_only=command.post_only
            )
            reason = command.tif.lower()
        if self._gate is not None:
            self._gate.settle(book)
        order = book.order(seq)
        resting = order.quantity if order else 0.0
        if order:
            self._known.name(seq, user_id, command.client_order_id)
        done = 0
        for fill in fills:
            lots = market.lots(fill.quantity)
            done += lots
            if side == "sell":
                lots = -lots
            self._move(user_id, symbol, lots)
            self._move(fill.maker_user_id, symbol, -lots)
            maker = fill.maker_order_id
            if self._known.has_name(maker) and book.order(maker) is None:
                self._known.forget(maker)
        rest = market.lots(command.quantity) - done - market.lots(resting)
        return traded(seq, command, fills, resting, market.quantity(rest) if rest > 0 else 0.0, reason)

    def _new_special(self, seq: int, command: NewOrder, market: Market, bound: float | None) -> list[AnyEvent]:
        """Open an order in a book where what happens to one order may move others."""
        book, user_id = market.book, command.user_id
        if command.reduce_only:
            book.set_position(user_id, self.position(user_id, command.symbol))
        if command.tif == "GTD":  # a book without special orders was told no time yet
            book.advance_time(max(0, command.ts))
        fills = enter(book, seq, command, bound)
        market.special = True
        order = book.order(seq)
        parked = command.order_type == "stop" and any(stop[0] == seq for stop in book.stops())
        if order or parked:
            self._known.own(seq, user_id)
            self._known.name(seq, user_id, command.client_order_id)
        first = accepted(seq, command, order.quantity if order else 0.0, last=True)
        return [first, *self._followed(seq, command, market, fills)]

    def _followed(
        self, seq: int, command: UserCommand | SessionCommand, market: Market, fills: list[CoreFill]
    ) -> list[AnyEvent]:
        if self._gate is not None:
            self._gate.settle(market.book)
        return followed(seq, command, market, fills, self._known, self._move)

    def _change(self, seq: int, command: CancelOrder | ReduceOrder | ModifyOrder, market: Market) -> list[AnyEvent]:
        if self._gate is not None and not isinstance(command, ModifyOrder):
            self._gate.count_message(command, market.book)
        match command:
            case CancelOrder():
                event: AnyEvent = cancel(seq, command, market.book)
            case ReduceOrder():
                event = reduce(seq, command, market.book)
            case ModifyOrder():
                event = self._modify(seq, command, market)
        if not market.special and not isinstance(command, ModifyOrder):
            # Nothing follows among plain orders when one gets smaller; cancels are many.
            if self._gate is not None:
                self._gate.settle(market.book)
            if market.book.order(command.order_id) is None:
                self._known.forget(command.order_id)
            return [event]
        return [event, *self._followed(seq, command, market, market.book.fills())]

    def _modify(self, seq: int, command: ModifyOrder, market: Market) -> Modified:
        book = market.book
        side, price, quantity = to_be(command, book)
        self._judge(command, side, quantity, price or market_price(side, book), market)
        if self._gate is not None:
            self._gate.check_change(command, book)
        book.modify_order(command.order_id, price=command.price, quantity=command.quantity)
        order = book.order(command.order_id)
        return modified(seq, command, price, quantity, order.quantity if order else 0.0)

    def _mass_cancel(self, seq: int, command: MassCancel, market: Market) -> list[AnyEvent]:
        cancelled = mass_cancel(seq, command, market.book)
        return [
            *cancelled,
            *self._followed(seq, command, market, market.book.fills()),
            counted(seq, command, len(cancelled)),
        ]

    def _move(self, user_id: int, symbol: str, lots: int) -> None:
        key = (user_id, symbol)
        self._positions[key] = self._positions.get(key, 0) + lots
