"""What a section measures: a row for each system and each thing that it does, and cases of the guide's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Literal, TypeVar

import msgspec

Unit = Literal["ns", "us", "ms", "per s"]
Stack = Literal["old", "new", "beside"]
T = TypeVar("T")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One system doing one thing: `value` is the median of `runs`, one figure a repetition, in `unit`.

    `stack` says which side of the migration it is on; `beside` is what is on neither. `tail` are more of a latency's
    figures, in words. A row that could not be measured has no runs and says `why`.
    """

    what: str
    system: str
    stack: Stack
    unit: Unit
    runs: list[float] = []
    tail: str = ""
    note: str = ""
    why: str = ""

    @property
    def value(self) -> float | None:
        """Return the median of the repetitions."""
        return median(self.runs) if self.runs else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """Return the lowest and the highest repetition."""
        return (min(self.runs), max(self.runs)) if self.runs else None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a claim: the old system's figure and the new one's, of the same run. `when` says what was asked."""

    claim: str
    when: str
    old: float
    new: float
    unit: Unit

    @property
    def factor(self) -> float:
        """Return how many times better the new one is: below 1 it is worse."""
        return self.new / self.old if self.unit == "per s" else self.old / self.new


Found = Row | Case


def case(claim: str, when: str, old: Row, new: Row) -> list[Case]:
    """Return the case of two rows in a list; none if one of them could not be measured."""
    if old.value is None or new.value is None:
        return []
    if old.unit != new.unit:
        raise ValueError(f"{when}: {old.unit} can't be compared with {new.unit}")
    return [Case(claim=claim, when=when, old=old.value, new=new.value, unit=old.unit)]


def in_turns(contestants: Mapping[str, Callable[[], T]], rounds: int, *, warm_up: bool = True) -> dict[str, list[T]]:
    """Call each contestant once a round, so that what disturbs the machine disturbs all.

    A first round is to warm up, and isn't kept.
    """
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(rounds + warm_up):
        for name, call in contestants.items():
            result = call()
            if number >= warm_up:
                found[name].append(result)
    return found
