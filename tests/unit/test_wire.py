"""Messages as Cap'n Proto: there and back, in batches, by other readers, and what is said of bad bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

import cift.schema
from cift.core import wire
from cift.core.messages import (
    Accepted,
    AccountLimitsSet,
    BookUpdate,
    Cancelled,
    CancelOrder,
    DayEnded,
    EndOfDay,
    Fill,
    KillSwitch,
    KillSwitchSet,
    MassCancel,
    MassCancelled,
    Modified,
    ModifyOrder,
    NewOrder,
    Phase,
    PhaseSet,
    Quote,
    Reduced,
    ReduceOrder,
    Rejected,
    RiskSet,
    RiskSetting,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetPhase,
    SetRisk,
    Trade,
    TradingState,
    Uncross,
    Uncrossed,
)
from cift.core.serialization import decode_command, decode_event, decode_market_data, decode_quote
from tests.unit.test_wire_ticks import SYMBOLS, ticks

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(cift.schema.__file__).parent
WHO = {"symbol": "AAPL", "ts": 1_700_000_000_000_000_001, "user_id": 2}
OF = {**WHO, "seq": 7, "pos": 2, "order_id": 2**64 - 1}

COMMANDS = [
    NewOrder(**WHO, side="buy", order_type="limit", quantity=3.0, price=0.1 + 0.2, tif="IOC", client_order_id="ünï"),
    NewOrder(**WHO, side="sell", order_type="market", quantity=3.0, post_only=True, tif="FOK", client_order_id=""),
    NewOrder(**WHO, side="sell", order_type="market", quantity=3.0),
    CancelOrder(**WHO, order_id=9),
    ReduceOrder(**WHO, order_id=9, by=1.5),
    SetInstrument(symbol="AAPL", ts=0, user_id=0, tick_size=0.01, lot_size=1.0),
    SetLimits(symbol="_limits", ts=0, user_id=0, max_position=1, max_notional=2, max_leverage=3, account_value=4),
]
EVENTS = [
    Accepted(**OF, side="buy", quantity=3.0, price=4.5, resting=1.0, client_order_id="x"),
    Accepted(**OF, side="sell", quantity=3.0),
    Fill(**OF, side="buy", price=0.1, quantity=0.3, maker_order_id=5, maker_user_id=4, last=True),
    Cancelled(**OF, quantity=1.0, reason="unfilled", last=True),
    Reduced(**OF, remaining=0.5),
    Rejected(**OF, code="price_collar", reason="too far away"),
]
# Newer kinds, with golden files of their own: those of the first ones never change.
CHANGE_COMMANDS = [
    ModifyOrder(**WHO, order_id=9, price=1.5),
    ModifyOrder(**WHO, order_id=2**64 - 1, quantity=0.5),
    ModifyOrder(**WHO, order_id=9, price=0.1 + 0.2, quantity=2.0),
    MassCancel(**WHO),
    MassCancel(**WHO, side="sell", max_price=3.0),
    MassCancel(**WHO, side="buy", min_price=0.0, max_price=3.0),
]
CHANGE_EVENTS = [
    Modified(**OF, price=4.5, quantity=3.0, resting=1.0),
    Modified(**OF, quantity=3.0, last=True),
    MassCancelled(**OF, count=0, last=True),
    MassCancelled(**OF, count=2**32 - 1, last=True),
]
DAY = {"symbol": "_session.AAPL", "ts": 1_700_000_000_000_000_001, "user_id": 0, "instrument": "AAPL"}
TOLD = {**DAY, "seq": 7, "order_id": 7}
SESSION_COMMANDS = [
    *(SetPhase(**DAY, phase=phase, by=3) for phase in get_args(Phase)),
    Uncross(**DAY),
    Uncross(**DAY, reference=0.1 + 0.2, then="halted", by=2**64 - 1),
    EndOfDay(**DAY, by=3),
]
SESSION_EVENTS = [
    *(PhaseSet(**TOLD, pos=0, last=True, phase=phase) for phase in get_args(Phase)),
    Uncrossed(**TOLD, pos=9, last=True, phase="continuous"),
    Uncrossed(**TOLD, pos=9, last=True, phase="halted", price=0.1 + 0.2, volume=40.0, imbalance=-10.0),
    DayEnded(**TOLD, pos=2, last=True, phase="halted", count=2**32 - 1),
]
STAFF_COMMANDS = [
    SetAccountLimits(symbol="_limits.2", ts=1, user_id=2, by=3),
    SetAccountLimits(
        symbol="_limits.2",
        ts=1,
        user_id=2,
        max_position=0.0,
        max_notional=2.5,
        max_leverage=3.0,
        account_value=0.1,
    ),
    *(KillSwitch(symbol="_state", ts=1, user_id=0, state=state, by=2**64 - 1) for state in get_args(TradingState)),
    KillSwitch(symbol="_state.symbol.AAPL", ts=1, user_id=0, state="halted", instrument="AAPL"),
    *(SetRisk(symbol=f"_risk.{each}", ts=1, user_id=0, setting=each, value=0.1) for each in get_args(RiskSetting)),
    SetRisk(symbol="_risk.cash", ts=1, user_id=7, setting="cash", window_ns=2**63 - 1, instrument="AAPL", by=3),
]
STAFF_EVENTS = [
    AccountLimitsSet(**OF),
    AccountLimitsSet(**OF, max_position=0.0, max_notional=2.5, max_leverage=3.0, account_value=0.1, last=True),
    *(KillSwitchSet(**OF, state=state) for state in get_args(TradingState)),
    KillSwitchSet(**OF, state="halted", instrument="", last=True),
    *(RiskSet(**OF, setting=setting, value=0.1) for setting in get_args(RiskSetting)),
    RiskSet(**OF, setting="collar_period", window_ns=-(2**63), instrument="AAPL", last=True),
]
QUOTES = [
    Quote(symbol="AAPL", ts=1, seq=7, bid=0.1 + 0.2, bid_quantity=2.0, ask=0.5, ask_quantity=3.0),
    Quote(symbol="AAPL", ts=1, seq=8, ask=0.0, ask_quantity=3.0),
    Quote(symbol="AAPL", ts=1, seq=9),
]
MARKET = [
    BookUpdate(symbol="AAPL", ts=1, seq=7, bids=((1.0, 2.0), (0.5, 3.0)), asks=()),
    Trade(symbol="AAPL", ts=1, seq=7, pos=2, side="sell", price=1.0, quantity=2.0),
    BookUpdate(symbol="AAPL", ts=1, seq=7, bids=(), asks=(), phase="halted"),
    BookUpdate(
        symbol="AAPL", ts=1, seq=7, bids=((1.0, 2.0),), asks=((0.5, 3.0),),
        phase="opening_auction", indicative_price=0.75, indicative_volume=2.0, imbalance=-1.0,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    COMMANDS + CHANGE_COMMANDS + SESSION_COMMANDS + STAFF_COMMANDS,
    ids=lambda command: type(command).__name__,
)
def test_a_command_survives_the_journey(command: NewOrder) -> None:
    assert wire.decode_command(wire.encode(command)) == command


@pytest.mark.parametrize(
    "event", EVENTS + CHANGE_EVENTS + SESSION_EVENTS + STAFF_EVENTS, ids=lambda event: type(event).__name__
)
def test_an_event_survives_the_journey(event: Fill) -> None:
    data = wire.encode(event)
    assert wire.decode_event(data) == event
    assert wire.event_head(data) == (event.__struct_config__.tag, 7, event.pos, event.last)


@pytest.mark.parametrize("message", MARKET, ids=lambda message: type(message).__name__)
def test_market_data_survives_the_journey(message: Trade) -> None:
    assert wire.decode_market_data(wire.encode(message)) == message


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quote_survives_the_journey_and_is_no_book(quote: Quote) -> None:
    assert wire.decode_quote(wire.encode(quote)) == quote
    with pytest.raises(wire.WireError, match='found "quote", expected trade or book'):
        wire.decode_market_data(wire.encode(quote))
    with pytest.raises(wire.WireError, match='found "trade", expected quote'):
        wire.decode_quote(wire.encode(MARKET[1]))


def test_a_journal_is_messages_in_a_row_and_an_error_says_where() -> None:
    journal = b"".join(map(wire.encode, COMMANDS))
    assert wire.decode_commands(journal) == COMMANDS
    assert wire.decode_events(b"".join(map(wire.encode, EVENTS))) == EVENTS
    first = len(wire.encode(COMMANDS[0]))
    damaged = bytearray(journal)
    damaged[first + 16] = 9
    with pytest.raises(wire.WireError, match=rf"offset {first}: command.version: 9") as caught:
        wire.decode_commands(damaged)
    assert (caught.value.offset, caught.value.field) == (first, "command.version")
    with pytest.raises(wire.WireError, match="ends here") as caught:
        wire.decode_commands(journal[:-1])
    assert (caught.value.offset, caught.value.field) == (len(journal) - 1, "")


OPTIONS = [
    NewOrder(
        **WHO, side="buy", order_type="limit", quantity=3.0, price=1.5, tif="GTD", expires=2**63, display_quantity=1.0,
        min_quantity=2.0, reprice=True, hidden=True, all_or_none=True, reduce_only=True,
    ),
    NewOrder(**WHO, side="buy", order_type="pegged", quantity=3.0, peg="mid", offset=-0.5, tif="DAY"),
    NewOrder(**WHO, side="sell", order_type="stop", quantity=3.0, trigger_price=9.0, price=8.0),
    NewOrder(**WHO, side="sell", order_type="stop", quantity=3.0, trail=0.25),
    NewOrder(**WHO, side="sell", order_type="market_to_limit", quantity=3.0),
    NewOrder(**WHO, side="sell", order_type="notional", quantity=3000.0),
]  # fmt: skip


@pytest.mark.parametrize("order", OPTIONS)
def test_orders_of_all_types_go_there_and_back(order: NewOrder) -> None:
    assert wire.decode_command(wire.encode(order)) == order
    plain = NewOrder(**WHO, side="buy", order_type="limit", quantity=3.0, price=1.5)
    batch = wire.open_commands(wire.encode_commands([order, plain]))
    assert list(batch) == [order, plain]
    assert [batch.field(at, "peg") for at in (0, 1)] == [order.peg, None]
    assert [batch.field(at, "hidden") for at in (0, 1)] == [order.hidden, False]


def test_changes_in_a_batch_and_their_fields() -> None:
    commands = wire.open_commands(wire.encode_commands(CHANGE_COMMANDS))
    assert list(commands) == CHANGE_COMMANDS
    assert [commands.field(at, "price") for at in range(3)] == [1.5, None, 0.1 + 0.2]
    assert [commands.field(at, "side") for at in range(3, 6)] == [None, "sell", "buy"]
    events = wire.open_events(wire.encode_events(CHANGE_EVENTS))
    assert list(events) == CHANGE_EVENTS
    assert events.field(3, "count") == 2**32 - 1


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (msgspec.structs.replace(CHANGE_COMMANDS[0], price="1"), "price"),
        (msgspec.structs.replace(CHANGE_COMMANDS[3], side="both"), "side"),
        (msgspec.structs.replace(CHANGE_EVENTS[3], count=2**32), "count"),
    ],
)
def test_a_change_that_no_message_can_carry_is_named(message: Any, field: str) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.encode(message)
    assert caught.value.field == field


def test_one_field_of_one_message_of_a_batch() -> None:
    batch = wire.open_events(wire.encode_events(EVENTS))
    assert len(batch) == len(EVENTS)
    assert list(batch) == EVENTS
    assert batch[-1] == EVENTS[-1]
    assert batch.field(2, "price") == 0.1
    assert batch.field(1, "price") is None
    assert batch.field(-1, "code") == "price_collar"
    np.testing.assert_array_equal(batch.floats("quantity"), [3.0, 3.0, 0.3, 1.0, np.nan, np.nan])
    np.testing.assert_array_equal(batch.floats("nothing"), [np.nan] * 6)
    commands = wire.open_commands(wire.encode_commands(COMMANDS))
    assert list(commands) == COMMANDS
    with pytest.raises(KeyError, match="remaining"):
        batch.field(0, "remaining")
    with pytest.raises(IndexError, match="index 6 is outside a batch of 6"):
        batch.field(6, "price")
    with pytest.raises(ValueError, match="not a floating-point number"):
        batch.floats("symbol")
    with pytest.raises(TypeError, match="expected events only"):
        wire.encode_events([COMMANDS[0]])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"side": "up"}, "side"),
        ({"tif": "GFD"}, "tif"),
        ({"peg": "last"}, "peg"),
        ({"hidden": 1}, "hidden"),
        ({"expires": -1}, "expires"),
        ({"expires": 0}, "expires"),
        ({"display_quantity": 0.0}, "display_quantity"),
        ({"quantity": "3"}, "quantity"),
        ({"quantity": float("nan")}, "command.newOrder.quantity"),
        ({"trail": float("-inf")}, "command.newOrder.options.trail"),
        ({"user_id": -1}, "user_id"),
        ({"ts": 2**63}, "ts"),
        ({"symbol": None}, "symbol"),
        ({"symbol": "\ud800"}, "symbol"),
        ({"v": 2}, "command.version"),
    ],
)
def test_a_value_that_no_message_can_carry_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.encode(msgspec.structs.replace(COMMANDS[0], **change))
    assert caught.value.field == field


def test_what_is_no_message_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="message is a dict"):
        wire.encode({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="data is a str"):
        wire.decode_command("no")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"new" is missing'):
        wire._codec.__class__({})


@pytest.mark.skipif(not shutil.which("capnp"), reason="needs the capnp tool (Debian: capnproto)")
@pytest.mark.parametrize(
    ("data", "schema", "root", "expected"),
    [
        (wire.encode(COMMANDS[0]), "messages", "Command", ['symbol = "AAPL"', "newOrder = (", "price = (some = 0.3"]),
        (wire.encode(CHANGE_COMMANDS[0]), "messages", "Command", ["modifyOrder = (", "price = (to = 1.5"]),
        (wire.encode(CHANGE_COMMANDS[4]), "messages", "Command", ["side = (one = sell)", "maxPrice = (some = 3)"]),
        (wire.encode(EVENTS[2]), "messages", "Event", ["seq = 7", "makerOrderId = 5", "last = true"]),
        (wire.encode(STAFF_EVENTS[-1]), "messages", "Event", ["setting = collarPeriod", "value = (none = void)"]),
        (wire.encode(QUOTES[1]), "messages", "MarketData", ["bid = (none = void)", "askQuantity = (some = 3)"]),
        (wire.encode(MARKET[0]), "messages", "MarketData", ["bids = [(price = 1, quantity = 2)"]),
        (wire.encode_events(EVENTS), "messages", "EventBatch", ["accepted = (", 'code = "price_collar"']),
        (
            wire.TickBatch.encode(SYMBOLS, ticks()),
            "ticks",
            "TickBatch",
            ['symbols = ["AAPL", "MSFT"]', "side = [-1, 0"],
        ),
    ],
    ids=["command", "modify", "mass cancel", "event", "risk", "quote", "market", "batch", "ticks"],
)
def test_capnp_reads_what_we_write_and_we_what_it_writes(
    data: bytes, schema: str, root: str, expected: list[str]
) -> None:
    file = str(SCHEMAS / f"{schema}.capnp")
    text = subprocess.run(["capnp", "decode", file, root], input=data, capture_output=True, check=True).stdout
    flat = "".join(text.decode().split())
    assert [part for part in expected if "".join(part.split()) not in flat] == []
    back = subprocess.run(["capnp", "encode", file, root], input=text, capture_output=True, check=True).stdout
    if root == "TickBatch":
        assert wire.TickBatch(back).to_array().tobytes() == wire.TickBatch(data).to_array().tobytes()
    else:
        market = wire.decode_quote if b"quote" in text else wire.decode_market_data
        read = {"Command": wire.decode_command, "Event": wire.decode_event, "MarketData": market}
        same = read.get(root, lambda one: list(wire.open_events(one)))
        assert same(back) == same(data)


def test_pycapnp_reads_what_we_write_and_we_what_it_writes() -> None:
    capnp = pytest.importorskip("capnp")
    messages, schema = capnp.load(str(SCHEMAS / "messages.capnp")), capnp.load(str(SCHEMAS / "ticks.capnp"))
    with messages.Event.from_bytes(wire.encode(EVENTS[2])) as fill:
        assert (fill.seq, fill.last, fill.fill.makerOrderId) == (7, True, 5)
        assert wire.decode_event(fill.as_builder().to_bytes()) == EVENTS[2]
    with schema.TickBatch.from_bytes(wire.TickBatch.encode(SYMBOLS, ticks())) as batch:
        assert list(batch.price) == ticks()["price"].tolist()
        copy = wire.TickBatch(batch.as_builder().to_bytes())
    assert copy.to_array().tobytes() == wire.TickBatch(wire.TickBatch.encode(SYMBOLS, ticks())).to_array().tobytes()


# Journals of every release that wrote another kind of message: these files never change.
JOURNALS: dict[str, list[Any]] = {
    "commands": COMMANDS,
    "events": EVENTS,
    "change-commands": CHANGE_COMMANDS,
    "change-events": CHANGE_EVENTS,
    "session-commands": SESSION_COMMANDS,
    "session-events": SESSION_EVENTS,
    "order-commands": COMMANDS + OPTIONS,
    "staff-commands": STAFF_COMMANDS,
    "staff-events": STAFF_EVENTS,
    "market": MARKET,
    "quotes": QUOTES,
}


def decoder(name: str) -> Callable[[bytes], Any]:
    """What reads the messages of a journal."""
    kind = name.rpartition("-")[2]
    return {"commands": decode_command, "events": decode_event, "market": decode_market_data, "quotes": decode_quote}[
        kind
    ]


def messages(journal: bytes) -> list[bytes]:
    """Cut a journal of messages of one segment each."""
    found = []
    while journal:
        length = 8 + 8 * int.from_bytes(journal[4:8], "little")
        found.append(journal[:length])
        journal = journal[length:]
    return found


@pytest.mark.parametrize("name", JOURNALS)
def test_old_journals_stay_readable(name: str) -> None:
    journal = (GOLDEN / f"wire-v1-{name}.bin").read_bytes()
    lines = (GOLDEN / f"json-v1-{name}.jsonl").read_bytes().splitlines()
    decode = decoder(name)
    assert [decode(message) for message in messages(journal)] == [decode(line) for line in lines] == JOURNALS[name]
    if name.endswith("commands"):
        assert wire.decode_commands(journal) == JOURNALS[name]
    elif name.endswith("events"):
        assert wire.decode_events(journal) == JOURNALS[name]
    # The oldest orders were written before there were any options.
    if name != "commands":
        assert [wire.encode(message) for message in JOURNALS[name]] == messages(journal)
