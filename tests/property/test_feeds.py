"""Bytes that are almost feeds: errors with offsets, never a panic, and books as the good messages leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cift_core.feeds import BinanceDepth, FeedError, ItchBook, LobsterReader, generate_itch, parse_binance, parse_itch
from hypothesis import given
from hypothesis import strategies as st

DAY = generate_itch(200, stocks=3, resting=40, seed=2)
SNAPSHOT = b'{"lastUpdateId":10,"bids":[["9.5","1"],["9.4","2"]],"asks":[["9.6","3"]]}'
UPDATE = b'17 {"stream":"s","data":{"e":"depthUpdate","E":1,"s":"X","U":11,"u":12,"b":[["9.5","0"]],"a":[["9.7","1"]]}}'
ROW = b"34200.004241176,1,16113575,18,5853300,1"

bytes_anywhere = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


def damaged(data: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(data)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    return bytes(changed[: max(len(changed) - cut, 0)])


def outcome(read: Callable[[bytes], Any], data: bytes) -> Any:
    """What reading gives, or the error, whose offset lies in the data."""
    try:
        return read(data)
    except FeedError as error:
        refused = error
    assert 0 <= refused.offset <= len(data)
    return refused


def queues(book: ItchBook) -> list[object]:
    return [(symbol, book.orders(symbol, "buy"), book.orders(symbol, "sell")) for symbol in sorted(book.symbols())]


@given(bytes_anywhere, st.integers(0, 100))
def test_a_damaged_day_leaves_what_came_before_the_damage(changes: list[tuple[int, int]], cut: int) -> None:
    data = damaged(DAY, changes, cut)
    book, before = ItchBook(), ItchBook()
    result = outcome(book.apply, data)
    done = result.offset if isinstance(result, FeedError) else result
    assert before.apply(data[:done]) == done
    assert queues(book) == queues(before)
    assert (len(book), book.messages) == (len(before), before.messages)


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_an_error(data: bytes) -> None:
    for read in (parse_itch, ItchBook().apply, parse_binance, BinanceDepth().apply, LobsterReader):
        outcome(read, data)


@given(bytes_anywhere, st.integers(0, 60))
def test_damaged_lines_leave_the_book(changes: list[tuple[int, int]], cut: int) -> None:
    book = BinanceDepth()
    book.apply(SNAPSHOT)
    before = book.depth()
    line = damaged(UPDATE, changes, cut)
    result = outcome(book.apply, line)
    if isinstance(result, FeedError):
        # A new line in the middle makes two of it; a first one that is a message counts.
        assert book.depth() == before or b"\n" in line
    else:
        assert sum(result.values()) <= line.count(b"\n") + 1


@given(bytes_anywhere, st.integers(0, 30))
def test_damaged_rows_are_rows_or_an_error(changes: list[tuple[int, int]], cut: int) -> None:
    data = damaged(ROW, changes, cut)
    result = outcome(LobsterReader, data)
    if isinstance(result, LobsterReader):
        for row in result.messages:
            assert 1 <= row["type"] <= 7
            assert abs(row["direction"]) == 1


levels = st.dictionaries(st.integers(1, 30), st.integers(0, 5), max_size=6)


@given(st.lists(st.tuples(levels, levels, st.integers(1, 3)), max_size=20), st.integers(0, 20))
def test_updates_before_and_after_the_snapshot_build_what_a_dictionary_builds(
    changes: list[tuple[dict[int, int], dict[int, int], int]], split: int
) -> None:
    """The exchange's own book, told as a snapshot somewhere on the way and as all updates."""
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    lines, snapshot, last = [], None, 100
    for number, (bids, asks, count) in enumerate([*changes, ({}, {}, 1)]):
        if number == min(split, len(changes)):
            sides = [[[str(price), str(quantity)] for price, quantity in side.items()] for side in books]
            snapshot = json.dumps({"lastUpdateId": last, "bids": sides[0], "asks": sides[1]})
        told = {"e": "depthUpdate", "E": 1, "U": last + 1, "u": last + count}
        for name, side, new in (("b", books[0], bids), ("a", books[1], asks)):
            side.update(new)
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
            told[name] = [[str(price), str(quantity)] for price, quantity in new.items()]
        last += count
        lines.append(json.dumps(told))
    assert snapshot is not None
    lines.insert(len(lines) // 2, snapshot)
    book = BinanceDepth()
    book.apply("\n".join(lines).encode())
    found = book.depth(100)
    assert (dict(found[0]), dict(found[1]), book.last_update_id) == (*books, last)
