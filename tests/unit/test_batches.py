"""Which commands the core decides in the matcher's stead, which it leaves alone, and that both count the same."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from cift_core.deciding import PlainDecider
from cift_core.nats import Stored
from pydantic import ValidationError

from cift.benchmarks.journal.orders import make
from cift.core.batches import Batches, By, Said, StreamFormat
from cift.core.config import Settings
from cift.core.deciding import Decider
from cift.core.engine_metrics import MATCHING, REJECTS
from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AnyCommand,
    AnyEvent,
    CancelOrder,
    KillSwitch,
    MassCancel,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
    Rejected,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetPhase,
    SetRisk,
)
from cift.core.outbox import Outgoing
from cift.core.serialization import decode_event, encode, encode_framed
from cift.core.shards import WHOLE, Shard, all_shards, shard_of

SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA", "BTC-USD", "Ä")
TRACE = f"00-{'1' * 32}-{'2' * 16}-01"


def subject(command: AnyCommand) -> str:
    configures = isinstance(command, SetInstrument | SetLimits)
    return f"orders.{'_set.' if configures else ''}{command.symbol}"


class Bench:
    """Symbols that are open, and what is told of commands one after the other."""

    def __init__(self, by: By = "core", written: StreamFormat = "capnp", shard: Shard = WHOLE) -> None:
        self.matcher = Matcher(shard)
        decider = Decider(shard, self.matcher)
        decider.replaying = False
        self.batches = Batches(decider, written, by)
        self.sequence = self.number = self.traded = 0
        for symbol in SYMBOLS:
            self.say(SetInstrument(symbol=symbol, ts=0, user_id=0, tick_size=0.01, lot_size=1.0))
        self.say(
            SetLimits(
                symbol="_limits", ts=0, user_id=0, max_position=100, max_notional=1e5, max_leverage=1.0,
                account_value=1e6,
            )
        )  # fmt: skip

    def stored(self, command: AnyCommand, data: bytes | None = None, trace: str = "") -> Stored:
        self.sequence += 1
        return Stored(self.sequence, subject(command), data or encode(command), f"request-{self.sequence}", trace)

    def decide(self, *batch: Stored) -> Said:
        said = self.batches.decide(list(batch), self.number, self.traded)
        self.number, self.traded = said.number, said.traded
        return said

    def say(self, *commands: AnyCommand) -> Said:
        return self.decide(*map(self.stored, commands))


def order(**changed: Any) -> NewOrder:
    plain = {"symbol": "AAPL", "ts": 7, "user_id": 1, "side": "buy", "order_type": "limit", "quantity": 2.0}
    return NewOrder(**(plain | {"price": 100.0} | changed))


def told(said: Said) -> list[AnyEvent]:
    return [decode_event(each.data) for each in said.events]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nearly_all_of_a_plain_flow_is_decided_by_the_core() -> None:
    bench = Bench()
    flow = make(list(SYMBOLS[:3]), 10_000, 3_000, first=bench.sequence + 1, reply="_")
    batch, start = [], 0
    for number, end in enumerate(flow.ends, bench.sequence + 1):
        head, _, data = flow.data[start:end].partition(b"\r\n")
        batch.append(Stored(number, head.split()[1].decode(), data.removesuffix(b"\r\n")))
        start = end
    said = bench.decide(*batch)
    assert said.commands == 3_000
    assert said.by_core >= 0.99 * said.commands
    assert len(said.trades) > 500


@pytest.mark.parametrize(
    "command",
    [
        order(),
        order(tif="IOC"),
        order(tif="FOK", client_order_id="mine"),
        order(post_only=True),
        order(order_type="market", price=None),
        order(order_type="market", price=1.0),
        CancelOrder(symbol="AAPL", ts=7, user_id=1, order_id=99),
        ReduceOrder(symbol="AAPL", ts=7, user_id=1, order_id=99, by=1.0),
    ],
)
@pytest.mark.parametrize("write", [encode, encode_framed])
def test_plain_commands_are_the_cores_in_either_format(bench: Bench, command: AnyCommand, write: Any) -> None:
    said = bench.decide(bench.stored(command, write(command)))
    assert (said.commands, said.by_core, said.ts) == (1, 1, 7)
    assert all(each.correlation == f"request-{bench.sequence}" and not each.trace for each in said.events)


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (order(price=100.005), "off_grid", "price 100.005 is not a multiple of tick_size 0.01"),
        (order(quantity=0.5), "off_grid", "quantity 0.5 is not a multiple of lot_size 1"),
        (order(quantity=101.0, price=1.0), "max_position_size", "risk: max position size would be exceeded"),
        (order(quantity=1e6), "max_notional", "risk: max notional would be exceeded"),
        (order(user_id=2, side="sell", post_only=True), "post_only_would_take", "post_only order_id 11 would take"),
        (order(client_order_id="it's"), "duplicate_client_order_id", 'client_order_id "it\'s" is that of live order 8'),
        (CancelOrder(symbol="AAPL", ts=0, user_id=1, order_id=99), "unknown_order", "order 99 is not in the book"),
        (CancelOrder(symbol="AAPL", ts=0, user_id=2, order_id=8), "not_owner", "order 8 belongs to another account"),
        (ReduceOrder(symbol="AAPL", ts=0, user_id=1, order_id=8, by=0.5), "off_grid", "by 0.5 is not a multiple of"),
    ],
)
def test_ordinary_refusals_are_the_cores_with_the_matchers_words(command: AnyCommand, code: str, reason: str) -> None:
    benches = Bench("core"), Bench("python")
    refused, matched = REJECTS.labels(code), sum(MATCHING._counts)
    before = refused._value.get()
    for bench in benches:
        bench.say(order(client_order_id="it's"))
        bench.matcher.touched.clear()
        bench.sequence = 10
    core, python = (bench.say(command) for bench in benches)
    assert (core.by_core, python.by_core) == (1, 0)
    assert core.events == python.events
    (event,) = told(core)
    assert isinstance(event, Rejected)
    assert event.code == code
    assert event.reason.startswith(reason)
    assert not benches[0].matcher.touched
    assert refused._value.get() == before + 2
    assert sum(MATCHING._counts) == matched + 4


STOP = order(order_type="stop", trigger_price=150.0, price=None)


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ([], order(tif="DAY")),
        ([], order(hidden=True)),
        ([], order(display_quantity=1.0)),
        ([], order(offset=1.0)),
        ([], order(trigger_price=1.0)),
        ([], STOP),
        ([], order(price=None)),
        ([], order(quantity=0.0)),
        ([], order(quantity=-1.0)),
        ([], order(quantity=2e15)),
        ([], order(price=-1.0)),
        ([], order(user_id=-1)),
        ([], order(symbol="NONE")),
        ([], ReduceOrder(symbol="AAPL", ts=7, user_id=1, order_id=8, by=-1.0)),
        ([], ModifyOrder(symbol="AAPL", ts=7, user_id=1, order_id=8, price=1.0)),
        ([], MassCancel(symbol="AAPL", ts=7, user_id=1)),
        ([], SetPhase(symbol="_session.AAPL", ts=7, user_id=0, instrument="AAPL", phase="halted")),
        ([], SetAccountLimits(symbol="_limits.1", ts=7, user_id=1, max_position=1.0)),
        ([STOP], order()),
        ([STOP], CancelOrder(symbol="AAPL", ts=7, user_id=1, order_id=99)),
        ([KillSwitch(symbol="_state", ts=0, user_id=3, state="halted")], order()),
        ([SetRisk(symbol="_risk.max_quantity", ts=0, user_id=0, setting="max_quantity", value=4.0)], order()),
    ],
)
def test_whatever_is_more_than_plain_is_the_matchers(before: list[AnyCommand], command: AnyCommand) -> None:
    core, python = Bench("core"), Bench("python")
    assert core.say(*before).by_core == 0
    python.say(*before)
    said = core.say(command)
    assert (said.commands, said.by_core) == (1, 0)
    assert said.events == python.say(command).events
    assert core.matcher.snapshot() == python.matcher.snapshot()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\0",
        encode(order())[:-1],
        encode(order()) + b"}",
        encode(order())[:-1] + b',"v":2}',
        encode(order())[:-1] + b',"nobody":1}',
        encode(order(symbol="MSFT")),
        encode_framed(order())[:-8],
    ],
)
def test_doubtful_bytes_are_told_in_the_decoders_words(data: bytes) -> None:
    core, python = Bench("core"), Bench("python")
    said = core.decide(core.stored(order(), data or b" "))
    assert (said.commands, said.by_core) == (1, 0)
    assert said.events == python.decide(python.stored(order(), data or b" ")).events


def test_the_core_goes_on_behind_what_it_leaves_alone(bench: Bench) -> None:
    said = bench.say(
        order(), order(side="sell", user_id=2), MassCancel(symbol="AAPL", ts=8, user_id=1), order(), order()
    )
    assert (said.commands, said.by_core) == (5, 4)
    assert [each.number for each in said.events] == list(range(1, len(said.events) + 1))
    assert [(each.number, each.correlation) for each in said.trades] == [(1, "")]
    assert all(type(each) is Outgoing for each in said.events + said.trades)


def test_a_state_lasts_as_long_as_it_is_in_force(bench: Bench) -> None:
    halt = KillSwitch(symbol="_state", ts=0, user_id=3, state="halted")
    said = bench.say(order(), halt, order(), msgspec.structs.replace(halt, state="active"), order())
    assert (said.commands, said.by_core) == (5, 2)


def test_limits_that_change_within_a_batch_hold_from_there_on(bench: Bench) -> None:
    limits = bench.matcher.limits
    assert limits is not None
    said = bench.say(order(), msgspec.structs.replace(limits, max_notional=10.0), order())
    assert said.by_core == 2
    first, second = told(said)
    assert isinstance(first, Accepted)
    assert isinstance(second, Rejected)
    account = SetAccountLimits(symbol="_limits.2", ts=0, user_id=2, max_notional=1e4)
    said = bench.say(account, order(user_id=2), order(user_id=3))
    assert (said.by_core, [type(each) for each in told(said)[1:]]) == (2, [Accepted, Rejected])


def test_a_grid_that_changes_holds_from_there_on(bench: Bench) -> None:
    coarse = SetInstrument(symbol="AAPL", ts=0, user_id=0, tick_size=1.0, lot_size=1.0)
    said = bench.say(order(price=100.5, tif="IOC"), coarse, order(price=100.5))
    assert said.by_core == 2
    assert isinstance(told(said)[-1], Rejected)


@pytest.mark.parametrize("gone", ["filled", "cancelled", "reduced"])
def test_a_name_is_free_again_when_its_order_is_gone(bench: Bench, gone: str) -> None:
    bench.say(order(client_order_id="mine"))
    placed, leaves = (
        bench.sequence,
        {
            "filled": order(side="sell", user_id=2),
            "cancelled": CancelOrder(symbol="AAPL", ts=7, user_id=1, order_id=bench.sequence),
            "reduced": ReduceOrder(symbol="AAPL", ts=7, user_id=1, order_id=bench.sequence, by=2.0),
        },
    )
    assert bench.say(order(client_order_id="mine")).by_core == 1
    assert bench.matcher._known.names == [(1, "mine", placed)]
    assert bench.say(leaves[gone]).by_core == 1
    assert bench.matcher._known.names == []
    assert isinstance(told(bench.say(order(client_order_id="mine")))[0], Accepted)


def test_who_is_traced_and_each_command_told_in_the_log_are_pythons(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    said = bench.decide(bench.stored(order(), trace=TRACE), bench.stored(order()))
    assert (said.commands, said.by_core) == (2, 1)
    assert [each.trace for each in said.events] == [TRACE, ""]
    with caplog.at_level(logging.DEBUG, logger="engine"):
        assert bench.say(order(), order()).by_core == 0
    assert len(caplog.records) == 2


def test_json_and_whoever_chooses_python_get_python() -> None:
    assert Bench("core", "json").say(order()).by_core == 0
    assert Bench("python", "capnp").say(order()).by_core == 0


def test_messages_that_were_decided_are_passed_over(bench: Bench) -> None:
    first = bench.stored(order())
    bench.decide(first)
    said = bench.decide(first, bench.stored(order()), first)
    assert (said.commands, said.by_core, len(said.events)) == (1, 1, 1)


@pytest.mark.parametrize("count", [2, 3, 64])
def test_each_shards_core_decides_its_own(count: int) -> None:
    for shard in all_shards(count):
        bench = Bench(shard=shard)
        said = bench.say(*(order(symbol=symbol) for symbol in SYMBOLS))
        ours = [symbol for symbol in SYMBOLS if shard_of(symbol, count) == shard.number]
        assert (said.commands, said.by_core) == (len(ours), len(ours))
        assert [each.subject for each in said.events] == [shard.event_subject(symbol) for symbol in ours]
        assert bench.matcher.sequence == bench.sequence


def test_what_is_no_batch_changes_nothing(bench: Bench) -> None:
    core, state = PlainDecider(Outgoing, "events.", 0, 1), bench.matcher.plain()
    assert state is not None
    before = bench.matcher.snapshot()
    batch: list[Any] = [("not", "stored")]
    for wrong in (batch, [bench.stored(order())]):
        with pytest.raises(TypeError):
            core.decide(wrong, 0, state if wrong is batch else state[::-1], (bench.sequence, 0, 0), [], [])
    assert bench.matcher.snapshot() == before


def test_the_setting_is_one_of_two() -> None:
    assert Settings().engine_decider == "core"
    assert Settings(CIFT_ENGINE_DECIDER="python").engine_decider == "python"
    with pytest.raises(ValidationError):
        Settings(CIFT_ENGINE_DECIDER="rust")
