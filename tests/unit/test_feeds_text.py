"""LOBSTER files and Binance's depth stream: made-up ones, and the real ones where they are."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cift_core.feeds import LOBSTER_EMPTY, LOBSTER_MESSAGE_DTYPE, BinanceDepth, FeedError, LobsterReader, parse_binance

FLOW = Path(__file__).parents[3] / "shared" / "data" / "orderflow"
real = pytest.mark.skipif(not FLOW.is_dir(), reason=f"the real order flow is not in {FLOW}")


def update(first: int, last: int, bids: Any = (), asks: Any = ()) -> bytes:
    body = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": list(bids), "a": list(asks)}
    return json.dumps({"stream": "btcusdt@depth@100ms", "data": body}).encode() + b"\n"


SNAPSHOT = b'{"lastUpdateId":10,"bids":[["9.5","1"],["9.4","2"]],"asks":[["9.6","3"]]}\n'


def test_lobster_rows() -> None:
    reader = LobsterReader(b"34200.004241176,1,5,18,5853300,1\n34200.5,3,5,18,5853300,1\n", b"1,2,3,4\n5,6,7,8\n")
    assert (len(reader), reader.levels, reader.messages.dtype) == (2, 1, LOBSTER_MESSAGE_DTYPE)
    assert reader.messages[0].tolist() == (34_200_004_241_176, 5, 18, 5_853_300, 1, 1)
    assert reader.orderbook is not None
    assert reader.orderbook.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert LobsterReader(b"").orderbook is None


@pytest.mark.parametrize(
    ("messages", "books", "says"),
    [
        (b"1,1,2,3,4,1\n1,1,2,3\n", None, "line 2, byte 12: 4 fields, expected 6"),
        (b"1,9,2,3,4,1\n", None, 'line 1, byte 2: type "9" is not a type from 1 to 7'),
        (b"1,1,2,3,4,1\n", b"1,2,3\n", "line 1, byte 0: 3 fields, expected four for each level"),
        (b"1,1,2,3,4,1\n", b"1,2,3,4\n1,2,3,4\n", "the orderbook has 2 rows, the message file 1"),
        (b"\xff\xfe", None, "line 1, byte 0: 1 fields"),
    ],
)
def test_bad_lobster_files_say_where(messages: bytes, books: bytes | None, says: str) -> None:
    with pytest.raises(FeedError, match=says):
        LobsterReader(messages, books)


@real
def test_real_lobster_rows_are_read_exactly() -> None:
    paths = [FLOW / f"aapl-lobster-10-{part}.csv" for part in ("message", "orderbook")]
    reader = LobsterReader(*(path.read_bytes() for path in paths))
    rows = [list(csv.reader(path.open())) for path in paths]
    assert len(reader) == len(rows[0])
    assert reader.orderbook is not None
    assert reader.orderbook.tolist() == [[int(field) for field in row] for row in rows[1]]
    columns = ("type", "order_id", "size", "price", "direction")
    assert [[int(message[name]) for name in columns] for message in reader.messages] == [
        [int(field) for field in row[1:]] for row in rows[0]
    ]
    seconds = np.array([float(row[0]) for row in rows[0]])
    assert np.abs(reader.messages["time"] / 1e9 - seconds).max() < 1e-9


@real
def test_real_lobster_messages_lead_from_row_to_row() -> None:
    reader = LobsterReader(*((FLOW / f"aapl-lobster-10-{part}.csv").read_bytes() for part in ("message", "orderbook")))
    assert reader.orderbook is not None
    for message, before, after in zip(reader.messages[1:], reader.orderbook, reader.orderbook[1:], strict=False):
        for direction, column in ((-1, 0), (1, 2)):
            levels = {price: size for price, size in _levels(before, column) if abs(price) != LOBSTER_EMPTY}
            known = len(levels) < reader.levels or max((-direction * price for price in levels), default=0)
            if message["direction"] == direction:
                change = {1: 1, 2: -1, 3: -1, 4: -1}.get(int(message["type"]), 0) * int(message["size"])
                levels[int(message["price"])] = levels.get(int(message["price"]), 0) + change
            wanted = [(price, size) for price, size in levels.items() if size]
            wanted.sort(key=lambda level: -direction * level[0])
            found = [level for level in _levels(after, column) if abs(level[0]) != LOBSTER_EMPTY]
            if known is not True:
                # What stood behind the last level of the row before is not known.
                found = [level for level in found if -direction * level[0] <= known]
                wanted = [level for level in wanted if -direction * level[0] <= known]
            assert found == wanted[: len(found)]
            assert len(found) == min(len(wanted), reader.levels)


def _levels(row: Any, column: int) -> list[tuple[int, int]]:
    return list(zip(row[column::4].tolist(), row[column + 1 :: 4].tolist(), strict=True))


def test_updates_follow_the_snapshot() -> None:
    book = BinanceDepth()
    counts = book.apply(update(5, 8) + update(9, 12, [["9.5", "7"]]) + SNAPSHOT + update(13, 13, asks=[["9.6", "0"]]))
    assert (counts["waiting"], counts["snapshot"], counts["update"]) == (2, 1, 1)
    assert (book.last_update_id, book.waiting) == (13, 0)
    assert book.depth() == ([(9.5, 7.0), (9.4, 2.0)], [])
    assert (book.best_bid(), book.best_ask()) == (9.5, None)
    assert book.apply(update(13, 13))["old"] == 1


def test_a_gap_says_which_updates_are_missing() -> None:
    book = BinanceDepth()
    good = SNAPSHOT + update(11, 11, [["9.3", "1"]])
    with pytest.raises(FeedError, match="updates 12 to 13 are missing") as caught:
        book.apply(good + update(14, 15, [["9.5", "0"]]))
    assert (caught.value.line, caught.value.offset) == (3, len(good))
    assert (book.last_update_id, book.best_bid()) == (11, 9.5)
    book.reset()
    book.apply(update(14, 15))
    with pytest.raises(FeedError, match="updates 11 to 13 are missing"):
        book.apply(SNAPSHOT)
    assert (book.last_update_id, book.waiting) == (None, 1)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"{", "EOF while parsing an object"),
        (b"[]", "invalid"),
        (b"nonsense", "expected ident"),
        (update(11, 11, [["9.5", "-1"]]), 'quantity "-1" is not a decimal number with up to eight decimals'),
        (update(11, 11, [["0", "1"]]), 'price "0" is not greater than zero'),
        (update(11, 11, [["9.5"]]), "invalid length 1"),
        (update(12, 11), 'U "12" is not u or less'),
        (b'{"e":"trade","p":"1"}', "missing field"),
        (b"17", "EOF"),
    ],
)
def test_bad_lines_leave_the_book(bad: bytes, says: str) -> None:
    book = BinanceDepth()
    with pytest.raises(FeedError, match=says) as caught:
        book.apply(SNAPSHOT + bad)
    assert caught.value.line == 2
    assert len(SNAPSHOT) <= caught.value.offset <= len(SNAPSHOT + bad)
    assert (book.last_update_id, book.depth()) == (10, ([(9.5, 1.0), (9.4, 2.0)], [(9.6, 3.0)]))


@real
def test_the_real_depth_stream_agrees_with_its_own_tickers() -> None:
    lines = gzip.decompress((FLOW / "binance-spot-btcusdt-depth.jsonl.gz").read_bytes()).splitlines(keepends=True)
    tickers = parse_binance(b"".join(lines))["tickers"]
    best = {int(ticker["update_id"]): ticker for ticker in tickers}
    book, compared, updates = BinanceDepth(), 0, 0
    for line in lines:
        counts = book.apply(line)
        updates += counts["update"] + counts["waiting"]
        ticker = best.get(book.last_update_id or 0)
        if counts["update"] and ticker is not None:
            (bid, ask) = (side[0] for side in book.depth(1))
            assert bid == (ticker["bid"], ticker["bid_quantity"])
            assert ask == (ticker["ask"], ticker["ask_quantity"])
            compared += 1
    assert updates == sum(b"depthUpdate" in line for line in lines)
    assert compared > 100


@real
def test_the_real_trades_are_read_exactly() -> None:
    lines = gzip.decompress((FLOW / "binance-spot-btcusdt-depth.jsonl.gz").read_bytes())
    trades = parse_binance(lines)["trades"]
    wanted = []
    for line in lines.splitlines():
        received, text = line.split(b" ", 1)
        if b'"trade"' in text:
            data = json.loads(text)["data"]
            price, quantity, maker = float(data["p"]), float(data["q"]), int(data["m"])
            wanted.append((int(received), data["E"], data["T"], data["t"], price, quantity, maker))
    assert trades.tolist() == wanted
