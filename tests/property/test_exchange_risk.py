"""The exchange's risk engine against the slow one: the same decisions and the same sums after every command."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import pytest
from cift_core import Exchange
from cift_core.exchange import EVERY_SYMBOL, EVERY_USER, EventKind, LimitKind, Op, commands

from tests.property.reference_risk import USER_KINDS, Live, Order, ReferenceRisk

# CIFT_RISK_COMMANDS=100000 makes it a soak.
COMMANDS = int(os.environ.get("CIFT_RISK_COMMANDS", "1200"))
REASONS = {number: name for number, (name, _) in Exchange.reasons().items()}
SYMBOLS = ("AAA", "BBB")
USERS = (1, 2, 3)


def fresh(stp: str) -> Exchange:
    exchange = Exchange()
    for symbol in SYMBOLS:
        exchange.add_symbol(symbol, tick_size=1.0, stp=stp)  # type: ignore[arg-type]
    return exchange


class Desk:
    """An exchange and the slow model, given the same commands."""

    def __init__(self, chance: random.Random, stp: str) -> None:
        self.chance = chance
        self.core, self.slow = fresh(stp), ReferenceRisk()
        self.orders = 0
        self.log: list[dict[str, Any]] = []
        self.events: list[Any] = []
        # Somebody's limit makes the exchange remember orders from the start, for as long as any limit below asks.
        self.send(
            time=0, op=Op.SET_LIMIT, user_id=99, symbol=EVERY_SYMBOL, flags=int(LimitKind.DUPLICATE_WINDOW), price=60
        )

    def send(self, **command: Any) -> Any:
        self.slow.now = max(self.slow.now, command["time"])
        self.log.append(command)
        self.events.append(self.core.submit_batch(commands(command)))
        return self.events[-1]

    def hear(self, events: Any, own: tuple[int, int] | None = None) -> tuple[int, bool]:
        """Tell the slow model what the book did; return how much of the command's own order left, and if it traded."""
        gone, traded = 0, False
        for event in events:
            symbol, lots = int(event["symbol"]), int(event["quantity"])
            if event["kind"] == EventKind.FILL:
                price = int(event["price"])
                self.slow.trade(symbol, price)
                maker_side = 1 - int(event["side"])
                for order, user, side in (
                    (int(event["maker_order_id"]), int(event["maker_user_id"]), maker_side),
                    (int(event["order_id"]), int(event["user_id"]), int(event["side"])),
                ):
                    self.slow.fill(user, symbol, side, lots, price)
                    if (symbol, order) == own:
                        gone, traded = gone + lots, True
                    else:
                        live = self.slow.live[symbol, order]
                        if not live.traded:
                            self.slow.executed(user, symbol)
                        live.traded = True
                        self.shrink(symbol, order, lots)
            elif event["kind"] == EventKind.CANCELLED:
                if (symbol, int(event["order_id"])) == own:
                    gone += lots
                else:
                    self.shrink(symbol, int(event["order_id"]), lots)
        return gone, traded

    def shrink(self, symbol: int, order: int, lots: int) -> None:
        live = self.slow.live[symbol, order]
        live.lots -= lots
        if live.lots == 0:
            del self.slow.live[symbol, order]

    def worth(self, symbol: int, side: int, price: int) -> int:
        bids = self.core.depth(symbol, 1)[0]
        return max(price, int(bids[0][0])) if side == 1 and bids else price

    def new_order(self, time: int) -> None:
        chance = self.chance
        user, symbol, side = chance.choice(USERS), chance.randrange(2), chance.randrange(2)
        price, lots = 100 + chance.randint(-12, 12), chance.randint(1, 9)
        if self.slow.accepted and chance.random() < 0.2:
            last = self.slow.accepted[-1][1]
            user, symbol, side, price, lots = last.user, last.symbol, last.side, last.price, last.lots
        self.slow.now = max(self.slow.now, time)
        order = Order(user, symbol, side, price, self.worth(symbol, side, price), lots)
        self.orders += 1
        # The preview knows the time of the last command alone: bring the time first.
        self.send(time=time, op=Op.ADVANCE, symbol=EVERY_SYMBOL, user_id=EVERY_USER)
        preview = self.core.check_order(symbol, user, "buy" if side == 0 else "sell", lots, price)
        wanted, opens = self.slow.judge(order) if self.slow.message(user) else ("message_rate", True)
        assert preview == (wanted == "ok", wanted)
        tif = chance.choice((0, 0, 0, 1, 2))
        own = (symbol, self.orders)
        events = self.send(
            time=time, op=Op.LIMIT, user_id=user, symbol=symbol, side=side, price=price, quantity=lots,
            order_id=self.orders, tif=tif,
        )  # fmt: skip
        if wanted != "ok":
            assert [REASONS[event["code"]] for event in events] == [wanted]
            return
        assert events[-1]["kind"] == EventKind.ACCEPTED
        gone, traded = self.hear(events, own)
        if traded:
            self.slow.executed(user, symbol)
        self.slow.accepted.append((self.slow.now, order))
        assert events[-1]["quantity"] == lots - gone
        if lots > gone:
            self.slow.live[own] = Live(user, symbol, side, price, lots - gone, opens, traded)

    def change(self, time: int) -> None:
        if not self.slow.live:
            return
        chance = self.chance
        own = chance.choice(sorted(self.slow.live))
        live = self.slow.live[own]
        price, lots = 100 + chance.randint(-12, 12), chance.randint(1, 9)
        self.slow.now = max(self.slow.now, time)
        if price == live.price and lots <= live.lots:
            self.slow.message(live.user)
            wanted, opens = "ok", live.opens
        else:
            worth = self.worth(live.symbol, live.side, price)
            order = Order(live.user, live.symbol, live.side, price, worth, lots)
            wanted, opens = "message_rate", True
            if self.slow.message(live.user):
                del self.slow.live[own]
                wanted, opens = self.slow.judge(order, is_new=False)
                self.slow.live[own] = live
        shrinks = price == live.price and lots <= live.lots
        events = self.send(
            time=time, op=Op.MODIFY, user_id=live.user, symbol=own[0], order_id=own[1], price=price, quantity=lots
        )
        if wanted != "ok":
            assert [REASONS[event["code"]] for event in events] == [wanted]
            return
        gone, traded = self.hear(events, own)
        if traded and not live.traded:
            self.slow.executed(live.user, live.symbol)
        left = lots if shrinks else lots - gone
        assert events[-1]["quantity"] == left
        if left:
            self.slow.live[own] = Live(live.user, live.symbol, live.side, price, left, opens, live.traded or traded)
        else:
            del self.slow.live[own]

    def cancel(self, time: int) -> None:
        if not self.slow.live:
            return
        own = self.chance.choice(sorted(self.slow.live))
        user = self.chance.choice(USERS)
        self.slow.now = max(self.slow.now, time)
        op = self.chance.choice((Op.CANCEL, Op.REDUCE))
        events = self.send(time=time, op=op, user_id=user, symbol=own[0], order_id=own[1], quantity=2)
        if user != self.slow.live[own].user:
            assert [REASONS[event["code"]] for event in events] == ["not_owner"]
            return
        self.slow.message(user)
        assert {int(event["kind"]) for event in events} == {EventKind.CANCELLED}
        self.hear(events)

    def staff(self, time: int) -> None:
        chance = self.chance
        user, symbol = chance.choice((*USERS, EVERY_USER)), chance.choice((0, 1, EVERY_SYMBOL))
        scope = (user, symbol)
        what = chance.randrange(8)
        base = {"time": time, "user_id": user, "symbol": symbol}
        if what < 3:
            kind = chance.choice(list(LimitKind))
            name = kind.name.lower()
            if name in USER_KINDS:
                symbol = base["symbol"] = EVERY_SYMBOL
                scope = (user, symbol)
            value, window = {
                "max_quantity": (chance.randint(4, 9), 0),
                "max_notional": (chance.randint(400, 1000), 0),
                "max_position": (chance.randint(5, 40), 0),
                "collar_last": (chance.choice((0.05, 0.1, 0.2)), 0),
                "collar_reference": (chance.choice((0.05, 0.1, 0.2)), 0),
                "collar_period": (chance.choice((0.05, 0.1, 0.2)), 160),
                "max_executions": (chance.randint(3, 9), 200),
                "duplicate_window": (chance.randint(1, 60), 0),
                "max_open_orders": (chance.randint(3, 12), 0),
                "max_open_notional": (chance.randint(1000, 9000), 0),
                "max_leverage": (chance.choice((1, 2.5, 4)), 0),
                "buying_power": (chance.randint(1000, 9000), 0),
                "max_messages": (chance.randint(5, 15), 100),
            }[name]
            remove = chance.random() < 0.4
            self.send(**base, op=Op.SET_LIMIT, flags=int(kind), price=np.nan if remove else value, expires=window)
            limits = self.slow.limits.setdefault(scope, {})
            limits.pop(name, None)
            if not remove:
                limits[name] = (value, window)
            self.slow.limits_changed()
        elif what == 3:
            user = chance.choice(USERS)
            cash = chance.randint(0, 4000)
            self.send(time=time, op=Op.SET_CASH, user_id=user, symbol=EVERY_SYMBOL, price=cash)
            self.slow.cash[user] = cash  # type: ignore[assignment]
        elif what == 4:
            self.send(**base, op=Op.ENABLE)
            for switch, (owner, place) in list(self.slow.switches):
                if switch == "repeated_execution" and user in (EVERY_USER, owner) and symbol in (EVERY_SYMBOL, place):
                    self.slow.switches.discard((switch, (owner, place)))
            for owner, place in list(self.slow.executions):
                if user in (EVERY_USER, owner) and symbol in (EVERY_SYMBOL, place):
                    del self.slow.executions[owner, place]
        elif what == 5:
            symbol = chance.randrange(2)
            self.send(time=time, op=Op.SET_REFERENCE, user_id=EVERY_USER, symbol=symbol, price=100)
            self.slow.reference[symbol] = 100
        elif what == 6:
            on = chance.random() < 0.2
            op, name = chance.choice(((Op.RESTRICT, "restricted_symbol"), (Op.KILL, "kill_switch")))
            self.hear(self.send(**base, op=op, flags=int(on)))
            self.switch(name, scope, on)
        else:
            state = chance.choice((0, 0, 0, 1, 2))
            self.send(**base, op=Op.SET_STATE, flags=state)
            self.switch("reducing", scope, state == 1)
            self.switch("halted", scope, state == 2)

    def switch(self, name: str, scope: tuple[int, int], on: bool) -> None:
        (self.slow.switches.add if on else self.slow.switches.discard)((name, scope))

    def compare(self) -> None:
        for user in USERS:
            state = self.core.user(user)
            if state is not None:
                assert state.open_orders == len(self.slow.of_user(user))
                assert state.open_notional == self.slow.open_notional(user)
                assert state.held == self.slow.held(user)
                assert state.exposure == pytest.approx(float(self.slow.exposure(user)), abs=1e-9)
                assert state.cash == pytest.approx(float(self.slow.cash.get(user, 0)), abs=1e-9)
            for number, symbol in enumerate(SYMBOLS):
                account = self.core.account(user, symbol)
                assert account.position == self.slow.position(user, number)
                assert account.open_buy == self.slow.open_lots(user, number, 0)
                assert account.open_sell == self.slow.open_lots(user, number, 1)


@pytest.mark.parametrize("seed", range(6))
def test_same_decisions_and_sums_then_snapshot_and_replay(seed: int) -> None:
    chance = random.Random(seed)
    stp = chance.choice(("none", "cancel_maker", "decrement"))
    desk = Desk(chance, stp)
    time, half, tail = 0, b"", 0
    for number in range(COMMANDS):
        time += chance.choice((0, 0, 1, 3, 20))
        actions = (desk.new_order, desk.change, desk.cancel, desk.staff)
        chance.choices(actions, weights=(60, 15, 15, 10 if number > 50 else 0))[0](time)
        if chance.random() < 0.02:
            desk.core.shrink()
        desk.compare()
        if number == COMMANDS // 2:
            half, tail = desk.core.snapshot(), len(desk.log)
    # Snapshot + tail equals whole.
    resumed = Exchange()
    resumed.restore(half)
    resumed.submit_batch(commands(*desk.log[tail:]))
    assert resumed.state_hash() == desk.core.state_hash()
    assert resumed.snapshot() == desk.core.snapshot()
    # The log in one batch says the same, byte for byte, but for the commands' numbers in their batches.
    replayed = fresh(stp)
    again, before = replayed.submit_batch(commands(*desk.log)), np.concatenate(desk.events)
    again["command"] = 0
    assert again.tobytes() == before.tobytes()
    assert replayed.state_hash() == desk.core.state_hash()
