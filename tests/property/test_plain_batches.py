"""Any journal, decided by the core as far as it is plain and by Python alone: nobody can tell which."""

from __future__ import annotations

from cift_core.nats import Stored
from hypothesis import given
from hypothesis import strategies as st

from cift.core.batches import Batches, By
from cift.core.deciding import Decider
from cift.core.matching import Matcher
from cift.core.shards import WHOLE, Shard
from tests.property.journal_flow import PLAIN, messages

SIZES = st.lists(st.integers(1, 20), min_size=1, max_size=8)
SHARDS = st.sampled_from([WHOLE, WHOLE, Shard(0, 2), Shard(1, 2), Shard(2, 3)])


class Run:
    """An engine's matcher, batch by batch."""

    def __init__(self, shard: Shard, by: By) -> None:
        self.shard, self.by = shard, by
        self.number = self.traded = self.by_core = 0
        self.drive(Matcher(shard))

    def drive(self, matcher: Matcher) -> None:
        self.matcher = matcher
        decider = Decider(self.shard, matcher)
        decider.replaying = False
        self.batches = Batches(decider, "capnp", self.by)

    def restart(self) -> None:
        self.drive(Matcher.restore(self.matcher.snapshot(), self.shard))

    def decide(self, batch: list[Stored]) -> tuple[object, ...]:
        """Return everything that anybody could see of it."""
        said = self.batches.decide(batch, self.number, self.traded)
        self.number, self.traded = said.number, said.traded
        self.by_core += said.by_core
        matcher = self.matcher
        return (
            said.events, said.trades, said.number, said.traded, said.commands, said.ts,
            matcher.touched, matcher.sequence, matcher.state_hash(), matcher.snapshot(),
        )  # fmt: skip


@given(messages(), SIZES, SHARDS, st.integers(0, 8))
def test_nobody_can_tell_who_decided(journal: list[Stored], sizes: list[int], shard: Shard, restart: int) -> None:
    python, core = Run(shard, "python"), Run(shard, "core")
    at = number = 0
    while at < len(journal):
        size = sizes[number % len(sizes)]
        batch = journal[at : at + size]
        assert core.decide(batch) == python.decide(batch)
        if number == restart:
            python.restart()
            core.restart()
        if number % 3 == 0:  # as who shows the books does
            python.matcher.touched, core.matcher.touched = set(), set()
        at, number = at + size, number + 1
    assert python.by_core == 0


@given(messages(PLAIN, safe=8), SIZES)
def test_damaged_bytes_are_read_alike(journal: list[Stored], sizes: list[int]) -> None:
    python, core = Run(WHOLE, "python"), Run(WHOLE, "core")
    at = 0
    for size in sizes * len(journal):
        if batch := journal[at : at + size]:
            assert core.decide(batch) == python.decide(batch)
        at += size
