"""Any commands, decided by one engine and by several that share the instruments: the same events, each of them once."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, get_args

import msgspec
from cift_core.nats import Stored
from hypothesis import given
from hypothesis import strategies as st

from cift.core.deciding import Decider
from cift.core.matching import Matcher
from cift.core.messages import (
    AnyCommand,
    AnyEvent,
    CancelOrder,
    EndOfDay,
    KillSwitch,
    MassCancel,
    ModifyOrder,
    NewOrder,
    Phase,
    RiskSetting,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetPhase,
    SetRisk,
    Uncross,
    risk_place,
)
from cift.core.serialization import encode
from cift.core.shards import WHOLE, Shard, all_shards

SYMBOLS = ("AAPL", "MSFT", "GOOG", "AMZN", "TSLA")
USERS = (1, 2, 3)
# All that isn't counted over an account's instruments.
SETTINGS: tuple[RiskSetting, ...] = (
    "max_quantity", "max_notional", "max_position", "collar_last", "collar_reference", "collar_period",
    "max_executions", "duplicate_window", "reference", "restricted", "unauthorised", "enable",
)  # fmt: skip

symbols, users, prices = st.sampled_from(SYMBOLS), st.sampled_from(USERS), st.integers(95, 105).map(float)
ids = st.integers(len(SYMBOLS) + 2, 60)
WHOSE = {"symbol": symbols, "ts": st.just(0), "user_id": users}
SIDED = WHOSE | {"side": st.sampled_from(["buy", "sell"]), "quantity": st.integers(1, 5).map(float)}
ORDERS = (
    st.builds(NewOrder, **SIDED, order_type=st.just("limit"), price=prices, tif=st.sampled_from(["GTC", "IOC", "DAY"]))
    | st.builds(NewOrder, **SIDED, order_type=st.just("market"))
    | st.builds(NewOrder, **SIDED, order_type=st.just("stop"), trigger_price=prices, price=prices)
    | st.builds(
        NewOrder, **SIDED, order_type=st.just("limit"), price=prices, tif=st.just("GTD"), expires=st.integers(1, 200)
    )
)
CHANGES = (
    st.builds(CancelOrder, **WHOSE, order_id=ids)
    | st.builds(ModifyOrder, **WHOSE, order_id=ids, price=prices)
    | st.builds(MassCancel, **WHOSE)
)


@st.composite
def days(draw: st.DrawFn) -> AnyCommand:
    symbol = draw(symbols)
    about: dict[str, Any] = {"symbol": f"_session.{symbol}", "ts": 0, "user_id": 0, "instrument": symbol}
    kind = draw(st.sampled_from(["phase", "uncross", "end"]))
    if kind == "phase":
        return SetPhase(**about, phase=draw(st.sampled_from(get_args(Phase))))
    return Uncross(**about) if kind == "uncross" else EndOfDay(**about)


@st.composite
def controls(draw: st.DrawFn) -> AnyCommand:
    kind, account = (
        draw(st.sampled_from(["switch", "limits", "risk", "risk", "risk"])),
        draw(st.sampled_from((0, *USERS))),
    )
    symbol = draw(st.none() | symbols | st.just("NONE"))
    state = draw(st.sampled_from(["active", "active", "reducing", "halted"]))
    if kind == "switch":
        return KillSwitch(symbol="_state", ts=0, user_id=account, instrument=symbol, state=state)
    if kind == "limits":
        most = draw(st.none() | st.sampled_from([-1.0, 3.0, 10.0]))
        return SetAccountLimits(symbol=f"_limits.{account}", ts=0, user_id=account, max_position=most)
    what = draw(st.sampled_from(SETTINGS))
    return SetRisk(
        symbol=risk_place(what, account, symbol), ts=0, user_id=account, instrument=symbol, setting=what,
        value=draw(st.sampled_from([None, 0.02, 1.0, 4.0, 100.0, -1.0])), window_ns=draw(st.sampled_from([0, 30])),
    )  # fmt: skip


GARBAGE = st.tuples(
    st.sampled_from(["AAPL", "MSFT", "NONE", "_session.MSFT", "_limits.1", "_risk.x", "_state"]),
    st.sampled_from([b"", b"{", b'{"type":"new"}']),
)
OPENING: list[AnyCommand] = [
    *(SetInstrument(symbol=each, ts=0, user_id=0, tick_size=1.0, lot_size=1.0) for each in SYMBOLS),
    SetLimits(
        symbol="_limits", ts=0, user_id=0, max_position=20.0, max_notional=1e4, max_leverage=10.0, account_value=1e6
    ),
]
COMMANDS = ORDERS | ORDERS | ORDERS | CHANGES | days() | controls()
FLOW = st.lists(COMMANDS | GARBAGE, max_size=50)
STEPS = st.lists(st.integers(0, 9), min_size=50, max_size=50)


def journal(flow: list[Any], steps: list[int]) -> list[Stored]:
    """Return the flow as it is stored, its times rising by `steps`."""
    messages = [Stored(seq, f"orders._set.{each.symbol}", encode(each)) for seq, each in enumerate(OPENING, 1)]
    for each, ts in zip(flow, accumulate(steps), strict=False):
        seq = len(messages) + 1
        if isinstance(each, tuple):
            messages.append(Stored(seq, f"orders.{each[0]}", each[1]))
        else:
            messages.append(Stored(seq, f"orders.{each.symbol}", encode(msgspec.structs.replace(each, ts=ts))))
    return messages


def run(shard: Shard, messages: list[Stored], restart: int = 0) -> tuple[list[AnyEvent], Matcher]:
    """Return what a shard tells of a journal, started again from a snapshot after so many messages."""
    of, told = Decider(shard, Matcher(shard)), []
    for part in (messages[:restart], messages[restart:]):
        of = Decider(shard, Matcher.restore(of.matcher.snapshot(), shard) if restart else of.matcher)
        told += [event for each in of.new(part) for event in of.decide(each)]
    return told, of.matcher


@given(FLOW, STEPS, st.integers(2, 7), st.integers(0, 60))
def test_together_they_say_what_one_says(flow: list[Any], steps: list[int], count: int, restart: int) -> None:
    messages = journal(flow, steps)
    wanted, whole = run(WHOLE, messages)
    parts = [run(shard, messages, restart) for shard in all_shards(count)]
    for told, _ in parts:
        assert [(event.seq, event.pos) for event in told] == sorted((event.seq, event.pos) for event in told)
    told = [event for part, _ in parts for event in part]
    assert sorted(told, key=lambda event: (event.seq, event.pos)) == wanted
    for symbol in SYMBOLS:
        (owner,) = (matcher for _, matcher in parts if matcher.shard.owns(symbol))
        assert owner.book(symbol, 0, 50) == whole.book(symbol, 0, 50)
        assert [owner.position(user, symbol) for user in USERS] == [whole.position(user, symbol) for user in USERS]
