"""Which shard has what: names that never change, and what a shard of several reads, decides, tells and refuses."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import pytest
from cift_core.nats import Stored
from pydantic import ValidationError

from cift.api.usage import merged
from cift.core.config import Settings
from cift.core.configuring import Configuration
from cift.core.deciding import Decider
from cift.core.matching import Matcher
from cift.core.messages import (
    AnyCommand,
    KillSwitch,
    NewOrder,
    Rejected,
    RiskSet,
    RiskSetting,
    RiskUsage,
    SetInstrument,
    SetLimits,
    SetRisk,
    SymbolUsage,
    risk_place,
)
from cift.core.nats_manager import NatsManager
from cift.core.runtime import ServiceError
from cift.core.serialization import encode
from cift.core.shards import MOST_SHARDS, WHOLE, Shard, all_shards, home_of, shard_of
from cift.core.streams import EVENTS, STREAMS, events_of, streams_of

SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "META", "GOOG", "BTC-USD", "ETH-USD", "Ä")
LIMITS = SetLimits(
    symbol="_limits", ts=0, user_id=0, max_position=1e6, max_notional=1e9, max_leverage=10.0, account_value=1e9
)
# AAPL is shard 0's of two, MSFT shard 1's.
OPENING: list[AnyCommand] = [
    *(SetInstrument(symbol=each, ts=0, user_id=0, tick_size=0.01, lot_size=1.0) for each in ("AAPL", "MSFT")),
    LIMITS,
]
SUMS = ("max_open_orders", "max_open_notional", "max_leverage", "buying_power", "max_messages", "cash")


def stored(seq: int, command: AnyCommand) -> Stored:
    configures = isinstance(command, SetInstrument | SetLimits)
    return Stored(seq, f"orders.{'_set.' if configures else ''}{command.symbol}", encode(command))


class Bench:
    """The deciders of two shards, and one journal for them."""

    def __init__(self) -> None:
        self.deciders = [Decider(shard, Matcher(shard)) for shard in all_shards(2)]
        self.sequence = 0
        for command in OPENING:
            assert self(command) == [[], []]

    def raw(self, subject: str, data: bytes) -> list[list[object]]:
        """Return what each says of a message."""
        self.sequence += 1
        batch = [Stored(self.sequence, subject, data)]
        told = [[event for each in of.new(batch) for event in of.decide(each)] for of in self.deciders]
        assert [of.matcher.sequence for of in self.deciders] == [self.sequence] * 2
        return told

    def __call__(self, command: AnyCommand) -> list[list[object]]:
        message = stored(0, command)
        return self.raw(message.subject, message.data)


def order(symbol: str, **more: Any) -> NewOrder:
    fields = {"symbol": symbol, "ts": 1, "user_id": 1, "side": "buy", "order_type": "limit", "quantity": 1.0}
    return NewOrder(**{**fields, "price": 10.0, **more})


def setting(what: RiskSetting, **more: Any) -> SetRisk:
    user_id, instrument = more.get("user_id", 0), more.get("instrument")
    fields = {"symbol": risk_place(what, user_id, instrument), "ts": 1, "user_id": 0, "setting": what, "value": 5.0}
    return SetRisk(**{**fields, **more})


def test_a_symbol_s_shard_is_written_down_for_ever() -> None:
    assert [shard_of(each, 2) for each in SYMBOLS] == [0, 1, 1, 1, 0, 1, 0, 0, 1, 1]
    assert [shard_of(each, 3) for each in SYMBOLS] == [0, 1, 1, 0, 1, 1, 2, 2, 0, 2]
    assert [shard_of(each, 64) for each in SYMBOLS] == [28, 59, 23, 15, 30, 1, 28, 48, 47, 11]
    assert {shard_of(each, 1) for each in SYMBOLS} == {0}


def test_one_shard_has_the_names_that_there_were_before() -> None:
    assert (str(WHOLE), str(Shard(1, 3))) == ("engine", "engine 1 of 3")
    assert (WHOLE.service, WHOLE.stream, WHOLE.usage_subject) == ("engine", "EVENTS", "status.risk")
    assert (WHOLE.event_subject("AAPL"), WHOLE.numbers[7]) == ("events.AAPL", 7)
    assert events_of(WHOLE) is EVENTS
    assert streams_of(1) == STREAMS
    assert Settings().shard == WHOLE


def test_each_of_several_has_names_of_its_own() -> None:
    second = Shard(1, 3)
    assert (second.service, second.stream, second.usage_subject) == ("engine.1", "EVENTS_1", "status.risk.1")
    assert second.event_subject("AAPL") == "events.1.AAPL"
    names = [stream.name for stream in streams_of(3)]
    assert names == ["ORDERS", "EVENTS_0", "EVENTS_1", "EVENTS_2", *(stream.name for stream in STREAMS[2:])]
    assert events_of(second).subjects == ("events.1.>",)
    assert events_of(second).config(1).description != events_of(Shard(1, 2)).config(1).description


def test_numbers_of_events_are_nobody_else_s_and_exact_in_json() -> None:
    ends = [(shard.numbers[0], shard.numbers[-1]) for shard in all_shards(MOST_SHARDS)]
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(ends))
    assert ends[3][0] == 3 << 44
    assert ends[-1][1] < 2**53


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("MSFT", 1),
        ("_session.MSFT", 1),
        ("_set.MSFT", 1),
        ("_set._limits", 0),
        ("_limits.7", 0),
        ("_state", 0),
        ("_state.symbol.MSFT", 0),
        ("_risk.max_position.account.7.symbol.MSFT", 0),
    ],
)
def test_who_tells_and_who_reads(place: str, wanted: int) -> None:
    assert home_of(place, 2) == wanted
    assert [shard.tells(f"orders.{place}") for shard in all_shards(2)] == [wanted == 0, wanted == 1]
    everybody = place.startswith("_") and not place.startswith("_session.")
    assert [shard.reads(f"orders.{place}") for shard in all_shards(2)] == [
        everybody or wanted == 0,
        wanted == 1 or everybody,
    ]
    assert home_of(place, 1) == 0
    assert WHOLE.reads(f"orders.{place}")
    assert WHOLE.tells(f"orders.{place}")


def test_settings_name_one_of_the_shards() -> None:
    assert Settings(CIFT_ENGINE_SHARDS=3, CIFT_ENGINE_SHARD=2).shard == Shard(2, 3)
    with pytest.raises(ValidationError, match=r"CIFT_ENGINE_SHARD\n.*found 3, expected 0 to 2"):
        Settings(CIFT_ENGINE_SHARDS=3, CIFT_ENGINE_SHARD=3)
    for wrong in (0, 65):
        with pytest.raises(ValidationError, match="CIFT_ENGINE_SHARDS"):
            Settings(CIFT_ENGINE_SHARDS=wrong)


def test_an_order_is_decided_by_its_shard_alone_and_a_halt_holds_for_all() -> None:
    bench = Bench()
    assert [len(told) for told in bench(order("AAPL"))] == [1, 0]
    assert [len(told) for told in bench(order("MSFT"))] == [0, 1]
    assert [of.matcher.has_orders("MSFT") for of in bench.deciders] == [False, True]
    assert [of.matcher.touched for of in bench.deciders] == [{"AAPL"}, {"MSFT"}]
    assert [len(told) for told in bench(KillSwitch(symbol="_state", ts=2, user_id=0, state="halted"))] == [1, 0]
    for symbol, shard in (("AAPL", 0), ("MSFT", 1)):
        (refused,) = bench(order(symbol))[shard]
        assert isinstance(refused, Rejected)
        assert refused.code == "kill_switch"


def test_what_is_no_command_is_told_once_and_what_not_all_read_is_none() -> None:
    bench = Bench()
    for subject, shard in (("MSFT", 1), ("_session.MSFT", 1), ("_limits.1", 0), ("_set.MSFT", 1), ("_set._limits", 0)):
        told = bench.raw(f"orders.{subject}", b"{")
        assert [len(each) for each in told] == [shard == 0, shard == 1]
    halt = KillSwitch(symbol="MSFT", ts=2, user_id=0, state="halted")
    for command in (halt, OPENING[1], setting("max_position", symbol="MSFT")):
        nothing, (refused,) = bench.raw("orders.MSFT", encode(command))
        assert not nothing
        assert isinstance(refused, Rejected)
        assert (refused.code, "every shard" in refused.reason) == ("unreadable", True)
    assert len(bench(order("MSFT"))[1]) == 1
    halt_one = Matcher().apply(1, halt)
    assert len(halt_one) == 1, "one engine reads all that there is"


@pytest.mark.parametrize("what", get_args(RiskSetting))
def test_what_no_shard_can_count_is_refused_and_all_else_holds(what: RiskSetting) -> None:
    bench = Bench()
    more: dict[str, Any] = {}
    match what:
        case "cash":
            more = {"user_id": 1}
        case "unauthorised":
            more = {"user_id": 1, "value": 1.0}
        case "restricted":
            more = {"value": 1.0}
        case "reference":
            more = {"instrument": "MSFT"}
        case "enable":
            more = {"value": None}
        case "collar_period" | "max_executions" | "max_messages":
            more = {"window_ns": 10}
    before = [of.matcher.state_hash() for of in bench.deciders]
    (event,), nothing = bench(setting(what, **more))
    assert not nothing
    if what not in SUMS:
        assert isinstance(event, RiskSet)
        return
    assert isinstance(event, Rejected)
    assert (event.code, event.symbol) == ("sharded", f"{risk_place(what, more.get('user_id', 0))}.refused")
    assert "for each instrument, or run one engine (CIFT_ENGINE_SHARDS=1)" in event.reason
    for of, hash_before in zip(bench.deciders, before, strict=True):
        of.matcher.sequence -= 1
        assert of.matcher.state_hash() == hash_before
    whole = Matcher()
    for seq, command in enumerate([*OPENING, setting(what, **more)], 1):
        told = whole.apply(seq, command)
    assert isinstance(told[-1], RiskSet)


def test_a_restored_shard_is_what_it_was() -> None:
    bench = Bench()
    for command in (order("MSFT"), setting("max_position", instrument="MSFT"), order("AAPL")):
        bench(command)
    for of in bench.deciders:
        again = Matcher.restore(of.matcher.snapshot(), of.shard)
        assert (again.state_hash(), again.touched) == (of.matcher.state_hash(), of.matcher.touched)
        assert again.apply(9, order("MSFT", quantity=9.0)) == of.matcher.apply(9, order("MSFT", quantity=9.0))


async def test_a_grid_that_the_book_refuses_is_not_written_where_others_would_take_it() -> None:
    bench = Bench()
    bench(order("MSFT"))
    wanted = [SetInstrument(symbol=each, ts=0, user_id=0, tick_size=0.5, lot_size=1.0) for each in ("AAPL", "MSFT")]
    nats = NatsManager(Settings(NATS_URL="nats://127.0.0.1:1"))  # nothing can be written
    with pytest.raises(ServiceError, match=r"MSFT has tick and lot size .* but orders rest in its book"):
        await Configuration(wanted, LIMITS).append(nats, bench.deciders[1].matcher)
    unchanged = Configuration(OPENING[:2], LIMITS)  # type: ignore[arg-type]
    assert await unchanged.append(nats, bench.deciders[1].matcher) == bench.sequence


def test_what_an_account_uses_is_that_of_all_shards() -> None:
    parts = [
        RiskUsage(
            account_id=1, position=9, counted=True, symbols=[SymbolUsage(symbol="MSFT", position=2.0)],
            cash=-1.0, exposure=20.0, held=1.0, open_notional=5.0, open_orders=2,
        ),
        RiskUsage(
            account_id=1, position=7, counted=True, symbols=[SymbolUsage(symbol="AAPL", position=1.0)],
            cash=3.0, exposure=10.0, held=0.5, open_notional=1.0, open_orders=1,
        ),
    ]  # fmt: skip
    assert merged(parts) == RiskUsage(
        account_id=1, position=7, counted=True,
        symbols=[SymbolUsage(symbol="AAPL", position=1.0), SymbolUsage(symbol="MSFT", position=2.0)],
        cash=2.0, exposure=30.0, held=1.5, open_notional=6.0, open_orders=3,
    )  # fmt: skip
    assert merged(parts[:1]) is parts[0]
