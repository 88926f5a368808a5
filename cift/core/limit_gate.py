"""The core's risk engine beside the matcher's books: asked after `RiskControl`, told of everything that a book did.

There is one from the first `SetRisk` of a journal on. It takes over positions, which cost what their symbol traded at
last, and the orders that rest then.
"""

from __future__ import annotations

from collections.abc import Mapping

from cift_core import FastOrderBook, OrderError, RiskGate

from cift.core.entering import Refused
from cift.core.market import Market
from cift.core.messages import (
    CancelOrder,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
    RiskSet,
    RiskSetting,
    RiskUsage,
    SetRisk,
    SymbolUsage,
)

Positions = Mapping[tuple[int, str], int]
"""Lots by account and symbol."""

_SWITCHES = ("restricted", "unauthorised")
# What is counted over all of an account's instruments, and what bounds the same in each of them.
_SUMS: Mapping[RiskSetting, str] = {
    "max_open_orders": "max_position",
    "max_open_notional": "max_position and max_notional",
    "max_leverage": "max_position",
    "buying_power": "max_position",
    "max_messages": "max_executions",
    "cash": "max_position",
}
_MOST = 2**63 - 1
_END_OF_TIME = 2**64 - 1


class LimitGate:
    """Limits by everybody, account, symbol, or account and symbol, and what counts against them."""

    def __init__(self, core: RiskGate) -> None:
        self._core = core
        self._symbols = set(core.symbols)

    @classmethod
    def over(cls, markets: Mapping[str, Market], positions: Positions) -> LimitGate:
        """Return the gate of a journal that had none. Raises ValueError when it can't count a symbol's money."""
        gate = cls(RiskGate())
        for symbol, market in markets.items():
            gate._core.open(symbol, market.book.tick_size, market.lot_size)
            gate._adopt(symbol, market.book, positions)
        return gate

    @classmethod
    def restore(cls, snapshot: bytes) -> LimitGate:
        """Return the gate that `snapshot` was taken of; raises ValueError when it is damaged."""
        return cls(RiskGate.restore(snapshot))

    def _adopt(self, symbol: str, book: FastOrderBook, positions: Positions) -> None:
        held = sorted((user_id, lots) for (user_id, of), lots in positions.items() if of == symbol)
        self._core.adopt(book, held)
        self._symbols.add(symbol)

    def open(self, symbol: str, market: Market, positions: Positions) -> None:
        """Let a symbol in, or follow it to another grid. Orders of one whose money can't be counted are refused."""
        known = symbol in self._symbols
        try:
            self._core.open(symbol, market.book.tick_size, market.lot_size)
        except ValueError:
            self._symbols.discard(symbol)
            return
        if not known:
            self._adopt(symbol, market.book, positions)

    def begin(self, ts: int) -> None:
        """A command comes at `ts`; of a time that is none the closest one counts."""
        self._core.begin(min(max(0, ts), _END_OF_TIME))

    def set(self, seq: int, command: SetRisk, markets: Mapping[str, Market]) -> RiskSet:
        """Carry out a setting; Refused or ValueError when it makes no sense, which changes nothing."""
        self._check(command)
        account, instrument, value = command.user_id or None, command.instrument, command.value
        match command.setting:
            case "cash":
                if value is None:
                    raise Refused("bad_value", "cash None, expected an amount")
                self._core.set_cash(command.user_id, value)
            case "reference":
                if account or instrument is None:
                    raise Refused("bad_scope", "a reference price is of an instrument, for everybody")
                self._core.set_reference(markets[instrument].book, value)
            case "restricted":
                self._core.restrict(value is not None, user_id=account, symbol=instrument)
            case "unauthorised":
                self._core.authorise(command.user_id, value is None)
            case "enable":
                self._core.enable(user_id=account, symbol=instrument)
            case limit:
                self._core.set_limit(limit, value, user_id=account, symbol=instrument, window=command.window_ns)
        return RiskSet(
            symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
            setting=command.setting, value=value, window_ns=command.window_ns, instrument=instrument,
        )  # fmt: skip

    def _check(self, command: SetRisk) -> None:
        setting, account, instrument, value = command.setting, command.user_id, command.instrument, command.value
        if not (0 <= account <= _MOST and 0 <= command.window_ns <= _MOST):
            raise Refused("out_of_range", "user_id or window_ns is below zero or beyond 63 bits")
        if instrument is not None and instrument not in self._symbols:
            raise Refused("unknown_symbol", f"{instrument} is not open for trading, or its money can't be counted")
        if setting in ("cash", "unauthorised") and (not account or instrument is not None):
            raise Refused("bad_scope", f"{setting} is of an account, in all instruments")
        if (setting in _SWITCHES and value not in (None, 1.0)) or (setting == "enable" and value is not None):
            raise Refused("bad_value", f"{setting} {value}, expected {'None' if setting == 'enable' else '1 or None'}")
        if command.window_ns and setting in ("cash", "reference", "enable", *_SWITCHES):
            raise Refused("bad_value", f"{setting} has no window, found {command.window_ns} ns")

    def check(self, seq: int, command: NewOrder, book: FastOrderBook) -> float | None:
        """Judge a new order; OrderError says what is against it.

        Returns the worst price that the book may let it trade at, if it is a market order that collars bound.
        """
        return self._core.check(
            book,
            seq,
            command.user_id,
            command.side,
            command.order_type,
            command.quantity,
            price=command.price,
            tif=command.tif,
            post_only=command.post_only,
            reprice=command.reprice,
            display_quantity=command.display_quantity,
            min_quantity=command.min_quantity,
            expires=command.expires,
            trigger_price=command.trigger_price,
            trail=command.trail,
            peg=command.peg,
            offset=command.offset,
            hidden=command.hidden,
            all_or_none=command.all_or_none,
            reduce_only=command.reduce_only,
        )

    def check_change(self, command: ModifyOrder, book: FastOrderBook) -> None:
        """Judge a change of a resting order; OrderError says what is against it."""
        order_id, user_id = command.order_id, command.user_id
        self._core.check_change(book, order_id, user_id, price=command.price, quantity=command.quantity)

    def count_message(self, command: CancelOrder | ReduceOrder, book: FastOrderBook) -> None:
        """Count what is never refused for being one too many."""
        if command.symbol in self._symbols:
            try:
                self._core.count_message(book, command.order_id, command.user_id)
            except (OrderError, OverflowError):
                return  # not live, not theirs, or no order's number: the book's side says so

    def settle(self, book: FastOrderBook) -> None:
        """Take note of all that the book's last command did, whoever's orders."""
        if book.symbol in self._symbols:
            self._core.settle(book)

    def usage(self, user_id: int, sequence: int, markets: Mapping[str, Market]) -> RiskUsage:
        """Return how much of its limits an account uses."""
        symbols = []
        for symbol in sorted(self._symbols & markets.keys()):
            has = self._core.account(user_id, markets[symbol].book)
            if has.position or has.open_buy or has.open_sell or has.throttled:
                symbols.append(
                    SymbolUsage(
                        symbol=symbol, position=has.position, open_buy=has.open_buy, open_sell=has.open_sell,
                        throttled=has.throttled,
                    )
                )  # fmt: skip
        user = self._core.user(user_id)
        return RiskUsage(
            account_id=user_id, position=sequence, counted=True, symbols=symbols,
            cash=user.cash if user else 0.0, exposure=user.exposure if user else 0.0, held=user.held if user else 0.0,
            open_notional=user.open_notional if user else 0.0, open_orders=user.open_orders if user else 0,
            buying_power_left=self._core.buying_power_left(user_id),
        )  # fmt: skip

    def snapshot(self) -> bytes:
        """Return everything that the next orders are judged by, for `restore`."""
        return self._core.snapshot()

    def digest(self) -> bytes:
        """Return what `state_hash` covers."""
        return digest_of(self.snapshot())


def refuse_sums(command: SetRisk) -> None:
    """Refuse what engines that share the instruments can't count: none of them sees all that an account does."""
    if (instead := _SUMS.get(command.setting)) is not None:
        raise Refused(
            "sharded",
            f"{command.setting} is counted over all instruments of an account, and several engines share them: "
            f"set {instead} for each instrument, or run one engine (CIFT_ENGINE_SHARDS=1)",
        )


def uncounted(user_id: int, sequence: int, held: Mapping[str, float]) -> RiskUsage:
    """Return what an account has, by symbol, where no gate counts."""
    symbols = [SymbolUsage(symbol=symbol, position=position) for symbol, position in held.items() if position]
    return RiskUsage(account_id=user_id, position=sequence, counted=False, symbols=symbols)


def digest_of(snapshot: bytes) -> bytes:
    """Return what `state_hash` covers of the gate that `snapshot` was taken of."""
    return b"gate:" + RiskGate.hash_of(snapshot).to_bytes(8, "little")
