"""The serialization benchmark: everybody does the same work, and the words follow from the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cift.benchmarks import serialization
from cift.benchmarks.serialization import KEYS, MIDDLE, OPERATIONS, OURS, TICKS, Measured, calls, columns, fill, order
from cift.benchmarks.targets import ROWS

CALLS = list(calls())
PRICE = columns()["price"][MIDDLE]


def of(operation: str) -> list[Any]:
    return [pytest.param(call, id=library) for name, library, _, call in CALLS if name == operation]


def test_every_library_does_every_operation_that_it_can() -> None:
    done: dict[str, set[str]] = {}
    for operation, library, size, _ in CALLS:
        assert size > 100
        done.setdefault(library, set()).add(operation)
    only_ticks = {operation for operation in OPERATIONS if operation.startswith("ticks")}
    assert done.pop("Arrow IPC") == only_ticks
    assert done.keys() >= {OURS, "msgspec JSON", "msgspec MessagePack"}
    assert all(operations == set(OPERATIONS) for operations in done.values())
    assert set(KEYS) <= ROWS.keys()


@pytest.mark.parametrize("call", of("ticks_field"))
def test_the_price_of_one_tick_is_the_same(call: Callable[[], Any]) -> None:
    assert call() == PRICE


@pytest.mark.parametrize("call", of("events_field"))
def test_the_price_of_one_fill_is_the_same(call: Callable[[], Any]) -> None:
    assert call() == fill().price


@pytest.mark.parametrize("call", of("ticks_columns"))
def test_the_sums_of_columns_are_the_same(call: Callable[[], Any]) -> None:
    got, wanted = call(), [values.sum() for values in columns().values()]
    # Without the times, whose sum fits Python's integers and not numpy's.
    assert got[0] == wanted[0]
    assert [float(value) for value in got[2:]] == pytest.approx([float(value) for value in wanted[2:]])


@pytest.mark.parametrize("call", of("ticks_objects"))
def test_all_ticks_become_objects(call: Callable[[], Any]) -> None:
    got = call()
    assert len(got["price"] if isinstance(got, dict) else got) == TICKS


@pytest.mark.parametrize("call", of("order_decode"))
def test_orders_come_back_whole(call: Callable[[], Any]) -> None:
    got = call()
    assert got == order() or "a1b2c3d4" in str(got)


def test_the_words_follow_from_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        Measured(operation, library, 100, [runs, runs])
        for operation in OPERATIONS
        for library, runs in ((OURS, 2_000.0), ("msgspec JSON", 1_000.0), ("orjson", 4_000.0))
    ]
    text = "\n".join(serialization.lines(found))
    assert "order to bytes: 2.00μs; msgspec JSON 2 x faster, orjson 2 x slower" in text
    assert serialization.main(["--slow"]) == 2
    assert "--slow: no such argument" in capsys.readouterr().err
