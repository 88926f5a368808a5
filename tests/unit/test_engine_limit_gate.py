"""Limits of the core in a journal: when they come, what they take over, what survives, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cift.core.matcher_state import SnapshotError, load, save
from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    Cancelled,
    DayEnded,
    EndOfDay,
    Fill,
    Modified,
    ReduceOrder,
    Rejected,
    RiskSet,
    SetInstrument,
    SetPhase,
    SetRisk,
    Uncross,
    Uncrossed,
    risk_place,
)
from cift.core.serialization import decode_command, decode_event, encode
from tests.unit.test_engine_matching import Bench, cancel, mass_cancel, modify, order
from tests.unit.test_engine_risk_control import outcome

GOLDEN = Path(__file__).parent / "golden"
DAY: dict[str, Any] = {"symbol": "_session.AAPL", "ts": 7, "user_id": 0, "instrument": "AAPL", "by": 9}


def risk(setting: Any, value: float | None = None, user: int = 0, symbol: str | None = None, **more: Any) -> SetRisk:
    place = risk_place(setting, user, symbol)
    return SetRisk(symbol=place, ts=7, user_id=user, setting=setting, value=value, instrument=symbol, by=9, **more)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_setting_says_what_holds_now_and_a_limit_of_a_narrower_scope_wins(bench: Bench) -> None:
    (said,) = bench(risk("max_quantity", 5.0, user=1, symbol="AAPL"))
    assert said == RiskSet(
        symbol="_risk.max_quantity.account.1.symbol.AAPL", ts=7, seq=3, pos=0, user_id=1, order_id=3, last=True,
        setting="max_quantity", value=5.0, instrument="AAPL",
    )  # fmt: skip
    assert outcome(bench, risk("max_quantity", 3.0)) == "RiskSet"
    (refused,) = bench(order("buy", 6))
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.reason) == ("max_quantity", "max_quantity: expected at most 5, found 6")
    assert outcome(bench, order("buy", 5)) == "Accepted"
    assert outcome(bench, order("buy", 4, user=2)) == "max_quantity"
    assert outcome(bench, risk("max_quantity", None, user=1, symbol="AAPL")) == "RiskSet"
    assert outcome(bench, order("buy", 5)) == "max_quantity"
    assert outcome(bench, risk("max_quantity")) == "RiskSet"
    assert outcome(bench, order("buy", 5, user=2)) == "Accepted"


def test_the_first_limit_takes_over_positions_and_what_rests(bench: Bench) -> None:
    bench(order("sell", 10, 100.0, user=2))
    bench(order("buy", 4, 100.0))
    bench(order("buy", 3, 99.0))
    bench(order("buy", 2, None, order_type="stop", trigger_price=110.0))
    bench(order("buy", 2, 98.0, hidden=True))
    bench(order("buy", 5, 97.0, display_quantity=1.0))
    assert not bench.matcher.usage(1).counted
    assert [(each.symbol, each.position) for each in bench.matcher.usage(1).symbols] == [("AAPL", 4.0)]
    bench(risk("max_position", 16.0))
    usage = bench.matcher.usage(1)
    (here,) = usage.symbols
    assert (usage.counted, here.position, here.open_buy, here.open_sell, usage.open_orders) == (True, 4, 12, 0, 4)
    assert usage.exposure == 400.0
    assert usage.held == 3 * 99 + 2 * 110 + 2 * 98 + 5 * 97
    assert bench.matcher.usage(2).symbols[0].open_sell == 6
    assert outcome(bench, order("buy", 1, 90.0)) == "max_position"
    assert outcome(bench, order("sell", 4, 120.0)) == "Accepted"


def test_holds_follow_everything_that_happens_to_an_order(bench: Bench) -> None:
    bench(risk("buying_power", 1000.0))
    first = bench.sequence + 1
    bench(order("buy", 8, 100.0))
    assert bench.matcher.usage(1).buying_power_left == 200
    assert outcome(bench, order("buy", 3, 100.0)) == "buying_power"
    assert outcome(bench, modify(first, quantity=11.0)) == "buying_power"
    assert isinstance(bench(modify(first, quantity=10.0))[0], Modified)
    assert bench.matcher.usage(1).buying_power_left == 0
    bench(ReduceOrder(symbol="AAPL", ts=7, user_id=1, order_id=first, by=4.0))
    assert bench.matcher.usage(1).held == 600
    bench(order("sell", 1, 100.0, user=2))
    assert (bench.matcher.usage(1).held, bench.matcher.usage(1).exposure) == (500, 100)
    bench(cancel(first))
    assert (bench.matcher.usage(1).held, bench.matcher.usage(1).open_orders) == (0, 0)
    bench(order("buy", 2, 50.0, tif="GTD", expires=40))
    bench(order("buy", 2, 50.0))
    assert bench.matcher.usage(1).held == 200
    bench(order("sell", 1, 150.0, user=2, ts=41))
    assert bench.matcher.usage(1).held == 100
    bench(mass_cancel())
    assert bench.matcher.usage(1).held == 0


def test_a_market_order_trades_no_further_than_its_collars(bench: Bench) -> None:
    bench(order("sell", 1, 100.0, user=2))
    bench(order("buy", 1, 100.0, user=3))
    bench(risk("collar_last", 0.05))
    for price in (104.0, 105.0, 105.01):
        assert outcome(bench, risk("collar_last", None)) == "RiskSet"
        bench(order("sell", 1, price, user=2))
    bench(risk("collar_last", 0.05))
    accepted, *fills, left = bench(order("buy", 5, None))
    assert isinstance(accepted, Accepted)
    assert [fill.price for fill in fills if isinstance(fill, Fill)] == [104.0, 105.0]
    assert isinstance(left, Cancelled)
    assert (left.quantity, left.reason) == (3.0, "no_liquidity")
    bench(order("sell", 1, 112.0, user=4))
    _, *fills = bench(order("buy", 1000, None, user=5, order_type="notional"))
    assert [fill.price for fill in fills if isinstance(fill, Fill)] == [105.01]


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_no_order_has_ends_no_engine(bench: Bench, number: int) -> None:
    bench(risk("max_quantity", 5.0))
    assert outcome(bench, cancel(number)) == "out_of_range"
    assert outcome(bench, ReduceOrder(symbol="AAPL", ts=7, user_id=1, order_id=number, by=1.0)) == "out_of_range"
    assert outcome(bench, modify(number, price=1.0)) == "out_of_range"


@pytest.mark.parametrize("ts", [-1, 2**64 - 1, 2**64])
def test_a_time_that_is_none_stops_nobody(bench: Bench, ts: int) -> None:
    bench(risk("max_quantity", 5.0))
    assert outcome(bench, order("buy", 6, ts=ts)) == "max_quantity"
    assert outcome(bench, order("buy", 5)) == "Accepted"


def test_another_grid_keeps_what_is_counted(bench: Bench) -> None:
    bench(risk("max_position", 10.0))
    bench(order("sell", 4, 100.0, user=2))
    bench(order("buy", 4, 100.0))
    bench(SetInstrument(symbol="AAPL", ts=8, user_id=0, tick_size=0.05, lot_size=0.5))
    assert bench.matcher.usage(1).symbols[0].position == bench.matcher.position(1, "AAPL") == 4.0
    assert bench.matcher.usage(1).exposure == 400
    assert outcome(bench, order("buy", 6.5, 99.95)) == "max_position"
    assert outcome(bench, order("buy", 6.0, 99.95)) == "Accepted"


def test_a_symbol_whose_money_cant_be_counted_is_not_traded_with_limits(bench: Bench) -> None:
    fine = SetInstrument(symbol="BTC", ts=0, user_id=0, tick_size=1e-8, lot_size=1e-8)
    bench(risk("max_position", 10.0))
    bench(fine)
    assert outcome(bench, order("buy", 1, 1.0, symbol="BTC")) == "out_of_range"
    assert outcome(bench, order("buy", 1, 1.0)) == "Accepted"
    other = Bench()
    other(fine)
    before = other.matcher.state_hash
    assert outcome(other, order("buy", 1, 1.0, symbol="BTC")) == "Accepted"
    assert outcome(other, risk("max_position", 10.0)) == "out_of_range"
    assert not other.matcher.usage(1).counted
    assert outcome(other, order("buy", 1, 1.0, symbol="BTC")) == "Accepted"
    assert before() == other.matcher.state_hash()


BAD = {
    "zero": (risk("max_quantity", 0.0), "out_of_range"),
    "no number": (risk("max_quantity", float("nan")), "out_of_range"),
    "no window": (risk("max_messages", 5.0), "out_of_range"),
    "a window that means nothing": (risk("max_quantity", 5.0, window_ns=3), "out_of_range"),
    "a window before now": (risk("max_messages", 5.0, window_ns=-3), "out_of_range"),
    "of one symbol": (risk("buying_power", 5.0, symbol="AAPL"), "out_of_range"),
    "unknown symbol": (risk("max_quantity", 5.0, symbol="NOPE"), "unknown_symbol"),
    "nobody's cash": (risk("cash", 5.0), "bad_scope"),
    "no cash": (risk("cash", None, user=1), "bad_value"),
    "cash that is none": (risk("cash", float("inf"), user=1), "out_of_range"),
    "everything's reference": (risk("reference", 5.0), "bad_scope"),
    "off the grid": (risk("reference", 5.001, symbol="AAPL"), "out_of_range"),
    "half restricted": (risk("restricted", 0.5), "bad_value"),
    "enable to what": (risk("enable", 1.0), "bad_value"),
    "nobody unauthorised": (risk("unauthorised", 1.0), "bad_scope"),
    "a switch with a window": (risk("restricted", 1.0, window_ns=5), "bad_value"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("counted", [False, True])
def test_a_setting_that_makes_no_sense_changes_nothing(bench: Bench, name: str, *, counted: bool) -> None:
    command, code = BAD[name]
    if counted:
        bench(risk("max_quantity", 5.0))
    before = bench.matcher.freeze()
    (refused,) = bench(command)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.symbol, refused.last) == (code, f"{command.symbol}.refused", True)
    after = bench.matcher.freeze()
    assert bool(after.gate) == counted
    assert outcome(bench, order("buy", 6)) == ("max_quantity" if counted else "Accepted")
    assert (after.positions, after.risk) == (before.positions, before.risk)


def test_the_state_survives_a_snapshot_and_damage_is_told(bench: Bench) -> None:
    bench(risk("max_executions", 1.0, window_ns=100))
    bench(risk("duplicate_window", 50.0, user=1))
    bench(order("sell", 4, 100.0, user=2))
    bench(order("buy", 1, 100.0))
    bench(order("buy", 1, 90.0, user=3))
    standby = Matcher.restore(bench.matcher.snapshot())
    assert standby.state_hash() == bench.matcher.state_hash()
    assert standby.snapshot() == bench.matcher.snapshot()
    sequence, codes = bench.sequence, []
    tail = (
        order("buy", 1),
        risk("enable", user=1),
        order("buy", 1),
        order("buy", 2),
        cancel(7),
        order("sell", 1, 95.0),
    )
    for later in tail:
        sequence += 1
        events = standby.apply(sequence, later)
        assert events == bench(later)
        codes.append(events[0].code if isinstance(events[0], Rejected) else type(events[0]).__name__)
    assert codes[:4] == ["repeated_execution", "RiskSet", "duplicate_order", "Accepted"]
    assert standby.state_hash() == bench.matcher.state_hash()
    state = load(bench.matcher.snapshot())
    for damaged in (state.gate[:-3], b"x"):
        broken = save(
            type(state)(**{name: getattr(state, name) for name in state.__struct_fields__} | {"gate": damaged})
        )
        with pytest.raises(SnapshotError):
            Matcher.restore(broken)


def test_settings_survive_the_journey_as_json_and_old_journals_of_them_stay_what_they_are() -> None:
    commands = [decode_command(line) for line in (GOLDEN / "risk-v1-commands.jsonl").read_bytes().splitlines()]
    events = [decode_event(line) for line in (GOLDEN / "risk-v1-events.jsonl").read_bytes().splitlines()]
    for message in (*commands, *events):
        assert (decode_command if message in commands else decode_event)(encode(message)) == message
    matcher, said = Matcher(), []
    for seq, command in enumerate(commands, 1):
        said += matcher.apply(seq, command)
    assert said == events


def test_what_an_auction_trades_and_a_days_end_takes_counts(bench: Bench) -> None:
    bench(risk("max_position", 10.0))
    bench(SetPhase(**DAY, phase="opening_auction"))
    bench(order("buy", 6, 101.0))
    bench(order("sell", 4, 99.0, user=2))
    bench(order("buy", 3, 98.0, tif="DAY"))
    assert outcome(bench, order("buy", 2, 98.0)) == "max_position"
    (here,) = bench.matcher.usage(1).symbols
    assert (here.position, here.open_buy) == (0.0, 9.0)
    assert isinstance(bench(Uncross(**DAY))[-1], Uncrossed)
    (here,) = bench.matcher.usage(1).symbols
    assert (here.position, here.open_buy) == (4.0, 5.0)
    assert isinstance(bench(EndOfDay(**DAY))[-1], DayEnded)
    (here,) = bench.matcher.usage(1).symbols
    assert (here.position, here.open_buy) == (4.0, 2.0)
    assert Matcher.restore(bench.matcher.snapshot()).usage(1) == bench.matcher.usage(1)
