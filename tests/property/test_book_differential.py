"""The core's book against the slow one: the same answers, the same queues, for thousands of random commands."""

from __future__ import annotations

import os
import random

import pytest
from cift_core import FastOrderBook
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.book_commands import (
    STP_MODES,
    TICK,
    apply_core,
    apply_reference,
    core_queue,
    core_unseen,
    indicated,
    random_command,
    reference_queue,
    reference_unseen,
)
from tests.property.reference_book import ReferenceBook

# CIFT_DIFFERENTIAL_COMMANDS=1000000 makes it a soak, CIFT_DIFFERENTIAL_SEED=8 another one.
COMMANDS = int(os.environ.get("CIFT_DIFFERENTIAL_COMMANDS", "3000"))
SEED = int(os.environ.get("CIFT_DIFFERENTIAL_SEED", "7"))


def play(stp: str, seed: int, count: int, **ranges: int) -> None:
    chance = random.Random(seed)
    core, slow = FastOrderBook("X", stp=stp), ReferenceBook(stp)
    for number in range(count):
        command = random_command(chance, **ranges)
        answer = apply_reference(slow, command)
        assert apply_core(core, command) == answer, (seed, number, command)
        if not isinstance(answer, str):
            assert core.triggered() == slow.triggered, (seed, number, command)
            assert [(i, round(lots), why) for i, lots, why in core.cancelled()] == slow.cancels, (seed, number, command)
        for side in ("buy", "sell"):
            assert core_queue(core, side) == reference_queue(slow, side), (seed, number, command)
            assert core_unseen(core, side) == reference_unseen(slow, side), (seed, number, command)
        # The slow book tries every price between the best ones: too slow for each command where they are far apart.
        if slow.phase != "continuous" and ranges.get("high", 0) < 1000:
            assert indicated(core.indication()) == slow.indication(None), (seed, number, command)
        held = {user: position for user in range(4) if (position := core.position(user)) is not None}
        assert held == slow.positions, (seed, number, command)
        stops = [(i, round(trigger / TICK), round(lots)) for i, _, trigger, lots, _ in core.stops()]
        assert stops == [(stop.id, stop.trigger, stop.quantity) for stop in slow.stops], (seed, number, command)


@pytest.mark.parametrize("stp", STP_MODES)
def test_same_answers_and_queues(stp: str) -> None:
    play(stp, SEED, count=COMMANDS)


def test_same_over_a_wide_range_of_prices() -> None:
    play("none", SEED + 4, count=COMMANDS, ids=400, low=1, high=100_000)


@given(st.sampled_from(STP_MODES), st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_same_for_any_seed(stp: str, seed: int) -> None:
    play(stp, seed, 120, ids=12, low=98, high=102)
