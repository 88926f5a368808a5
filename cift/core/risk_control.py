"""What staff decide about risk: limits for everybody or one account, and who may trade what at the moment.

All of it comes by commands of the journal, so that the engine decides the same from it on every machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cift_core import FastOrderBook, FastRiskEngine

from cift.core.entering import Refused
from cift.core.messages import (
    AccountLimitsSet,
    KillSwitch,
    KillSwitchSet,
    SetAccountLimits,
    SetLimits,
    Side,
    TradingState,
)

STATES: tuple[TradingState, ...] = ("active", "reducing", "halted")
"""Each is worse than the one before: of several that hold for an order the worst counts."""


class Judge(NamedTuple):
    """What an account's orders are held against."""

    limits: FastRiskEngine
    account_value: float


class Wanted(NamedTuple):
    """What an order, or a change of order `changing`, would trade; `position` is what the account holds."""

    user_id: int
    symbol: str
    side: Side
    quantity: float
    position: float
    changing: int = 0


class RiskControl:
    """Limits and states in force."""

    def __init__(self) -> None:
        self.limits: SetLimits | None = None
        self._everybody: Judge | None = None
        self._own: dict[int, SetAccountLimits] = {}
        self._judges: dict[int, Judge] = {}
        self._states: dict[tuple[int, str], TradingState] = {}

    @classmethod
    def restore(cls, limits: SetLimits | None, own: list[SetAccountLimits], switches: list[KillSwitch]) -> RiskControl:
        """Return what `limits`, `own` and `switches` were asked of."""
        control = cls()
        if limits is not None:
            control.limit(limits)
        for command in own:
            control._limit_account(command)
        for switch in switches:
            control._states[switch.user_id, switch.instrument or ""] = switch.state
        return control

    @property
    def own(self) -> list[SetAccountLimits]:
        """The limits of accounts that have any of their own, by account."""
        return [self._own[account] for account in sorted(self._own)]

    @property
    def switches(self) -> list[KillSwitch]:
        """Every state that isn't active, as a command that sets it; the time and who asked are not kept."""
        return [
            KillSwitch(symbol="_state", ts=0, user_id=account, instrument=instrument or None, state=state)
            for (account, instrument), state in sorted(self._states.items())
        ]

    @property
    def judges(self) -> tuple[dict[int, Judge], Judge] | None:
        """What limits alone say, of accounts with their own and of all others; None where they are not all there is."""
        return None if self._everybody is None or self._states else (self._judges, self._everybody)

    def limit(self, command: SetLimits) -> None:
        """Take over the limits of everybody; accounts keep what is their own."""
        self._everybody = Judge(
            FastRiskEngine(command.max_position, command.max_notional, command.max_leverage), command.account_value
        )
        self.limits = command
        self._judges = {account: self._judge_of(own) for account, own in self._own.items()}

    def limit_account(self, seq: int, command: SetAccountLimits) -> AccountLimitsSet:
        """Give an account limits of its own; raises ValueError, and changes nothing, for numbers that are no limits."""
        if self.limits is None:
            raise Refused("no_limits", "no risk limits are set that an account's could differ from")
        self._limit_account(command)
        return AccountLimitsSet(
            symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
            max_position=command.max_position, max_notional=command.max_notional,
            max_leverage=command.max_leverage, account_value=command.account_value,
        )  # fmt: skip

    def _limit_account(self, command: SetAccountLimits) -> None:
        judge = self._judge_of(command)
        values = (command.max_position, command.max_notional, command.max_leverage, command.account_value)
        if values == (None,) * 4:
            self._own.pop(command.user_id, None)
            self._judges.pop(command.user_id, None)
        else:
            self._own[command.user_id] = command
            self._judges[command.user_id] = judge

    def _judge_of(self, own: SetAccountLimits) -> Judge:
        limits = self.limits
        if limits is None:
            raise Refused("no_limits", "no risk limits are set that an account's could differ from")

        def pick(value: float | None, default: float) -> float:
            return default if value is None else value

        engine = FastRiskEngine(
            pick(own.max_position, limits.max_position),
            pick(own.max_notional, limits.max_notional),
            pick(own.max_leverage, limits.max_leverage),
        )
        return Judge(engine, pick(own.account_value, limits.account_value))

    def switch(self, seq: int, command: KillSwitch) -> KillSwitchSet:
        """Set the state of an account, an instrument or everything."""
        if command.user_id and command.instrument is not None:
            raise Refused("bad_scope", "a state is of an account or of an instrument, not of one in the other")
        key = (command.user_id, command.instrument or "")
        if command.state == "active":
            self._states.pop(key, None)
        else:
            self._states[key] = command.state
        return KillSwitchSet(
            symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
            state=command.state, instrument=command.instrument,
        )  # fmt: skip

    def state(self, user_id: int, symbol: str) -> TradingState:
        """Return the worst state that holds for an account in a symbol."""
        if not self._states:
            return "active"
        places = ((0, ""), (0, symbol), (user_id, ""))
        return max((self._states.get(place, "active") for place in places), key=STATES.index)

    def halted(self, symbol: str) -> tuple[bool, list[int]]:
        """Return whether nobody may trade a symbol, and the accounts that may not trade anything."""
        accounts = [account for (account, _), state in sorted(self._states.items()) if account and state == "halted"]
        return self.state(0, symbol) == "halted", accounts

    def check_state(self, wanted: Wanted, book: FastOrderBook) -> None:
        """Refuse what the state forbids: everything when halted, what doesn't reduce the position when reducing.

        The account's other orders of that side count as if they had traded.
        """
        match self.state(wanted.user_id, wanted.symbol):
            case "halted":
                raise Refused("kill_switch", "trading is halted: orders may only be cancelled")
            case "reducing":
                closing = max(0.0, wanted.position if wanted.side == "sell" else -wanted.position)
                if _open(book, wanted) + wanted.quantity > closing * (1 + 1e-12):
                    raise Refused("reduce_only", "only orders that reduce the position may pass")

    def judge(self, wanted: Wanted, price: float) -> None:
        """Refuse what the account's limits forbid."""
        judge = self._judges.get(wanted.user_id, self._everybody)
        if judge is None:
            raise Refused("no_limits", "no risk limits are set: nothing may be traded")
        passed, code = judge.limits.check_order(
            wanted.symbol, wanted.side, wanted.quantity, price, wanted.position, judge.account_value
        )
        if not passed:
            raise Refused(code, f"risk: {code.replace('_', ' ')} would be exceeded")

    def digest(self) -> Iterator[bytes]:
        """Give what `state_hash` covers, nothing that an older journal's hash hadn't."""
        if limits := self.limits:
            everybody = (limits.max_position, limits.max_notional, limits.max_leverage, limits.account_value)
            yield struct.pack("<4d", *everybody)
        for own in self.own:
            values = (own.max_position, own.max_notional, own.max_leverage, own.account_value)
            yield f"{own.user_id}:{':'.join(map(repr, values))};".encode()
        for (account, instrument), state in sorted(self._states.items()):
            yield f"{account}:{instrument}:{state};".encode()


def _open(book: FastOrderBook, wanted: Wanted) -> float:
    """Return the quantity of a user's other orders of a side, stops among them."""
    side, user_id = wanted.side, wanted.user_id
    resting = {order_id for order_id, _, _, owner in book.orders(side) if owner == user_id}
    resting |= {order_id for order_id, _, _, owner, _ in book.unseen_orders(side) if owner == user_id}
    stops = sum(quantity for _, of, _, quantity, owner in book.stops() if owner == user_id and of == side)
    orders = [book.order(order_id) for order_id in resting - {wanted.changing}]
    return stops + sum(order.quantity for order in orders if order is not None)
