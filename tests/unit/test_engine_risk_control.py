"""Limits of one account and the kill switch, decided from the journal; older journals are decided as they were."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cift.core.matching import Matcher
from cift.core.messages import (
    Accepted,
    AccountLimitsSet,
    AnyCommand,
    KillSwitch,
    KillSwitchSet,
    Rejected,
    SetAccountLimits,
)
from cift.core.serialization import decode_command, decode_event, encode
from tests.unit.test_engine_matching import LIMITS, Bench, cancel, instrument, mass_cancel, modify, order

GOLDEN = Path(__file__).parent / "golden"


def limits(user: int = 1, **values: Any) -> SetAccountLimits:
    return SetAccountLimits(symbol=f"_limits.{user}", ts=7, user_id=user, by=9, **values)


def switch(state: Any, user: int = 0, instrument: str | None = None) -> KillSwitch:
    return KillSwitch(symbol="_state", ts=7, user_id=user, instrument=instrument, state=state, by=9)


def outcome(bench: Bench, command: AnyCommand) -> str:
    """Return the code of a rejection, else the name of the first event."""
    event = bench(command)[0]
    return event.code if isinstance(event, Rejected) else type(event).__name__


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_account_has_limits_of_its_own_until_they_are_taken_away(bench: Bench) -> None:
    (said,) = bench(limits(max_position=5.0))
    assert isinstance(said, AccountLimitsSet)
    assert (said.user_id, said.order_id, said.max_position, said.max_notional, said.last) == (1, 3, 5.0, None, True)
    assert outcome(bench, order("buy", 6)) == "max_position_size"
    assert outcome(bench, order("buy", 6, user=2)) == "Accepted"
    assert outcome(bench, order("buy", 5)) == "Accepted"
    assert outcome(bench, limits(max_notional=100.0)) == "AccountLimitsSet"
    assert outcome(bench, order("buy", 6)) == "max_notional"
    assert outcome(bench, limits()) == "AccountLimitsSet"
    assert outcome(bench, order("buy", 6)) == "Accepted"


def test_own_limits_stay_when_everybodys_change_and_follow_them_where_they_are_silent(bench: Bench) -> None:
    bench(limits(max_position=5.0))
    bench(msgspec.structs.replace(LIMITS, max_notional=300.0))
    assert outcome(bench, order("buy", 6, 10.0)) == "max_position_size"
    assert outcome(bench, order("buy", 4)) == "max_notional"


def test_limits_that_are_none_leave_those_before_in_force(bench: Bench) -> None:
    assert bench(msgspec.structs.replace(LIMITS, max_notional=300.0, max_leverage=0.0)) == []
    assert bench.matcher.limits == LIMITS
    assert outcome(bench, order("buy", 4)) == "Accepted"


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_limit_that_is_none_is_refused_and_changes_nothing(bench: Bench, value: float) -> None:
    bench(limits(max_position=5.0))
    before = bench.matcher.state_hash(), bench.matcher.snapshot()
    sequence = bench.matcher.sequence
    assert outcome(bench, limits(max_position=value)) == "out_of_range"
    bench.matcher.sequence = sequence
    assert (bench.matcher.state_hash(), bench.matcher.snapshot()) == before


@pytest.mark.parametrize("where", [{"user": 1}, {"instrument": "AAPL"}, {}])
def test_a_halted_account_symbol_or_market_takes_cancels_alone(bench: Bench, where: dict[str, Any]) -> None:
    bench(order("buy", 10, 99.0))  # 3
    bench(order("buy", 10, 98.0))  # 4
    (said,) = bench(switch("halted", **where))
    assert isinstance(said, KillSwitchSet)
    assert said.state == "halted"
    assert outcome(bench, order("buy", 1)) == "kill_switch"
    assert outcome(bench, order("sell", 1, None)) == "kill_switch"
    assert outcome(bench, modify(3, quantity=5)) == "kill_switch"
    assert outcome(bench, cancel(3)) == "Cancelled"
    assert outcome(bench, mass_cancel()) == "Cancelled"
    others = outcome(bench, order("buy", 1, user=2))
    assert others == ("Accepted" if "user" in where else "kill_switch")
    assert outcome(bench, switch("active", **where)) == "KillSwitchSet"
    assert outcome(bench, order("buy", 1)) == "Accepted"


def test_a_halt_elsewhere_is_no_concern(bench: Bench) -> None:
    bench(switch("halted", instrument="MSFT"))
    bench(switch("halted", user=2))
    assert outcome(bench, order("buy", 1)) == "Accepted"


def test_the_worst_state_counts(bench: Bench) -> None:
    bench(switch("reducing"))
    bench(switch("halted", user=1))
    assert outcome(bench, order("buy", 1)) == "kill_switch"
    bench(switch("active", user=1))
    assert outcome(bench, order("buy", 1)) == "reduce_only"


def test_reducing_lets_a_position_become_smaller_and_counts_what_is_on_its_way(bench: Bench) -> None:
    bench(order("sell", 10, 100.0, user=2))
    bench(order("buy", 10, 100.0))  # account 1 is 10 long
    bench(switch("reducing", user=1))
    assert outcome(bench, order("buy", 1)) == "reduce_only"
    assert outcome(bench, order("sell", 11, 101.0)) == "reduce_only"
    assert outcome(bench, order("sell", 6, 101.0)) == "Accepted"
    resting = bench.sequence
    assert outcome(bench, order("sell", 5, 101.0)) == "reduce_only"
    assert outcome(bench, order("sell", 4, 102.0)) == "Accepted"
    assert outcome(bench, modify(resting, quantity=7)) == "reduce_only"
    assert outcome(bench, modify(resting, quantity=6, price=103.0)) == "Modified"
    assert outcome(bench, order("buy", 3, user=2)) == "Accepted"
    assert outcome(bench, order("sell", 1, None, user=2)) == "Accepted"


def test_a_state_of_an_account_in_an_instrument_is_refused(bench: Bench) -> None:
    assert outcome(bench, switch("halted", user=1, instrument="AAPL")) == "bad_scope"
    assert outcome(bench, order("buy", 1)) == "Accepted"


def test_limits_without_everybodys_are_refused() -> None:
    matcher = Matcher()
    matcher.apply(1, instrument())
    (said,) = matcher.apply(2, limits(max_position=1.0))
    assert isinstance(said, Rejected)
    assert said.code == "no_limits"


def test_the_state_hash_and_a_snapshot_cover_both(bench: Bench) -> None:
    hashes = set()
    for command in (
        limits(max_position=5.0), limits(max_position=6.0), limits(user=2, max_leverage=2.0), switch("halted", user=3),
        switch("reducing", user=3), switch("halted", instrument="AAPL"),
    ):  # fmt: skip
        bench(command)
        bench.matcher.sequence = 3
        hashes.add(bench.matcher.state_hash())
        bench.matcher.sequence = bench.sequence
        restored = Matcher.restore(bench.matcher.snapshot())
        assert restored.state_hash() == bench.matcher.state_hash()
        assert restored.snapshot() == bench.matcher.snapshot()
    assert len(hashes) == 6
    sequence = bench.sequence + 1
    for later in (order("buy", 7), order("buy", 1, user=3)):
        assert restored.apply(sequence, later) == bench.matcher.apply(sequence, later)
        sequence += 1


def test_both_survive_the_journey_as_json() -> None:
    for command in (limits(max_position=5.0), switch("halted"), switch("reducing", instrument="AAPL")):
        assert decode_command(encode(command)) == command
    for event in (*Bench()(limits(max_position=5.0)), *Bench()(switch("halted", user=2))):
        assert decode_event(encode(event)) == event


def test_a_journal_from_before_is_decided_byte_for_byte_as_then() -> None:
    """The golden files were written by the release that knew neither."""
    told = json.loads((GOLDEN / "decisions-v1.json").read_text())
    matcher, events = Matcher(), []
    for seq, line in enumerate((GOLDEN / "decisions-v1-commands.jsonl").read_bytes().splitlines(), 1):
        events += matcher.apply(seq, decode_command(line))
    assert len(events) == told["events"]
    assert any(isinstance(event, Accepted) for event in events)
    assert hashlib.sha256(b"\n".join(map(encode, events))).hexdigest() == told["events_sha256"]
    assert f"{matcher.state_hash():016x}" == told["state_hash"]
    snapshot = (GOLDEN / "decisions-v1-snapshot.bin").read_bytes()
    assert matcher.snapshot() == snapshot
    assert Matcher.restore(snapshot).snapshot() == snapshot
