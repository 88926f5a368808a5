"""ITCH through Python: fields by their specified names, the book, and what is refused."""

from __future__ import annotations

import struct
import threading

import numpy as np
import pytest
from cift_core.feeds import ITCH_DTYPES, FeedError, ItchBook, generate_itch, parse_itch

# The specification's lengths, without the length in front.
SIZES = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40,
    "E": 31, "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}  # fmt: skip


def message(letter: str, body: bytes, locate: int = 1, timestamp: int = 5) -> bytes:
    header = letter.encode() + struct.pack(">HH", locate, 0) + timestamp.to_bytes(6, "big")
    return struct.pack(">H", len(header) + len(body)) + header + body


def directory(symbol: str, locate: int = 1) -> bytes:
    return message("R", symbol.ljust(8).encode() + b"QN" + struct.pack(">I", 100) + bytes(14), locate)


def add(reference: int, side: str, shares: int, price: int, locate: int = 1) -> bytes:
    body = struct.pack(">QcI8sI", reference, side.encode(), shares, b"ACME    ", price)
    return message("A", body, locate, timestamp=1000 + reference)


def executed(reference: int, shares: int) -> bytes:
    return message("E", struct.pack(">QIQ", reference, shares, 1))


def replaced(old: int, new: int, shares: int, price: int) -> bytes:
    return message("U", struct.pack(">QQII", old, new, shares, price))


@pytest.fixture
def book() -> ItchBook:
    book = ItchBook()
    book.apply(directory("ACME") + add(1, "B", 300, 99_9900) + add(2, "B", 200, 99_9900) + add(3, "S", 100, 100_0100))
    return book


def test_rows_have_the_specified_fields() -> None:
    rows = parse_itch(directory("ACME") + add(7, "S", 500, 1_234_500) + add(8, "B", 1, 2, locate=9))
    assert set(rows) == {"R", "A"}
    first, second = rows["A"]
    assert (first["message"], first["stock_locate"], first["timestamp"]) == (1, 1, 1007)
    assert (first["order_reference_number"], first["buy_sell_indicator"], first["shares"]) == (7, b"S", 500)
    assert (first["stock"], first["price"]) == (b"ACME", 1_234_500)
    assert (second["message"], second["stock_locate"], second["buy_sell_indicator"]) == (2, 9, b"B")
    assert rows["R"]["round_lot_size"].tolist() == [100]


def test_every_type_has_the_specified_length() -> None:
    assert set(ITCH_DTYPES) == set(SIZES)
    for letter, dtype in ITCH_DTYPES.items():
        # A row has eight bytes for the message's number and two more for the timestamp, but no letter.
        assert dtype.itemsize == SIZES[letter] + 8 + 2 - 1, letter


def test_a_generated_day_is_read_whole() -> None:
    data = generate_itch(20_000, stocks=10, resting=500, seed=3)
    rows = parse_itch(data)
    assert set(rows) == set(SIZES)
    numbers = np.sort(np.concatenate([array["message"] for array in rows.values()]))
    assert np.array_equal(numbers, np.arange(len(numbers)))
    assert sum(len(array) * (SIZES[letter] + 2) for letter, array in rows.items()) == len(data)
    assert generate_itch(20_000, stocks=10, resting=500, seed=3) == data
    assert generate_itch(20_000, stocks=10, resting=500, seed=4) != data


def test_the_book_has_levels_and_queues(book: ItchBook) -> None:
    assert (book.symbols(), len(book), book.messages) == ({"ACME": 1}, 3, 4)
    assert (book.best_bid("ACME"), book.best_ask("ACME")) == (99.99, 100.01)
    assert book.depth("ACME") == ([(99.99, 500)], [(100.01, 100)])
    assert book.orders("ACME", "buy") == [(1, 99.99, 300, 1001), (2, 99.99, 200, 1002)]
    assert book.order(3) == (1, "sell", 100.01, 100)
    assert book.order(4) is None


def test_executions_keep_the_place_and_replacements_lose_it(book: ItchBook) -> None:
    book.apply(executed(1, 100))
    assert [order[:3] for order in book.orders("ACME", "buy")] == [(1, 99.99, 200), (2, 99.99, 200)]
    book.apply(replaced(1, 9, 50, 99_9900))
    assert [order[0] for order in book.orders("ACME", "buy")] == [2, 9]
    book.apply(executed(2, 200) + message("D", struct.pack(">Q", 9)))
    assert (book.best_bid("ACME"), len(book)) == (None, 1)


def test_halts_are_told(book: ItchBook) -> None:
    assert book.trading_state("ACME") == ""
    book.apply(message("H", b"ACME    " + b"H T1  "))
    assert book.trading_state("ACME") == "H"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (executed(99, 1), "order_reference_number 99 is not in the book"),
        (executed(1, 301), "shares 301 of order_reference_number 1 are more than the 300 it has left"),
        (executed(1, 0), "shares 0 of order_reference_number 1 must be greater than zero"),
        (add(1, "B", 1, 1), "order_reference_number 1 is already in the book"),
        (add(9, "x", 1, 1), "buy_sell_indicator 'x' is neither 'B' nor 'S'"),
        (replaced(1, 2, 1, 1), "order_reference_number 2 is already in the book"),
        (message("?", b""), "message type '?' is not one of ITCH 5.0"),
        (message("D", bytes(9)), "message type 'D' has 20 bytes, expected 19"),
        (add(9, "B", 1, 1)[:-1], "the message is cut off: 37 of 38 bytes"),
        (b"\0", "the message is cut off: 1 of 2 bytes"),
    ],
)
def test_a_bad_message_says_where_and_changes_nothing(book: ItchBook, bad: bytes, says: str) -> None:
    good = add(50, "B", 1, 1)
    with pytest.raises(FeedError) as caught:
        book.apply(good + bad)
    assert str(caught.value) == f"byte {len(good)}: {says}"
    assert (caught.value.offset, caught.value.line) == (len(good), None)
    assert (len(book), book.messages) == (4, 5)
    assert book.depth("ACME") == ([(99.99, 500), (0.0001, 1)], [(100.01, 100)])


def test_pieces_of_any_size_give_the_same_book() -> None:
    data = generate_itch(3000, stocks=3, resting=100)
    whole, pieces, rest = ItchBook(), ItchBook(), b""
    whole.apply(data)
    for at in range(0, len(data), 1000):
        rest += data[at : at + 1000]
        rest = rest[pieces.apply(rest, partial=True) :]
    assert rest == b""
    for symbol in whole.symbols():
        for side in ("buy", "sell"):
            assert whole.orders(symbol, side) == pieces.orders(symbol, side)


def test_the_end_of_the_session_is_the_end(book: ItchBook) -> None:
    assert book.apply(add(60, "B", 1, 1) + b"\0\0") == 40
    with pytest.raises(FeedError, match="byte 2: the session has ended, but 38 more bytes follow"):
        book.apply(b"\0\0" + add(61, "B", 1, 1))


def test_any_buffer_of_bytes_will_do() -> None:
    data = generate_itch(100, stocks=1, resting=10)
    wanted = ItchBook()
    wanted.apply(data)
    for same in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        book = ItchBook()
        assert book.apply(same) == len(data)
        assert book.depth("S0001") == wanted.depth("S0001")
    for other in ("text", 5, None, np.zeros(3)):
        with pytest.raises(TypeError, match="data is a"):
            ItchBook().apply(other)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="data is not contiguous"):
        ItchBook().apply(np.frombuffer(data, np.uint8)[::2])


def test_unknown_symbols_and_sides_are_named(book: ItchBook) -> None:
    for symbol in ("NONE", "", "LONGERTHANEIGHT", "ÄÖÜ"):
        with pytest.raises(ValueError, match=f"symbol .*{symbol}.* is not in the feed's stock directory"):
            book.depth(symbol)
    with pytest.raises(ValueError, match='side "up" is not one of buy, sell'):
        book.orders("ACME", "up")  # type: ignore[arg-type]


def test_books_are_built_side_by_side() -> None:
    data = [generate_itch(20_000, stocks=5, resting=200, seed=seed) for seed in range(3)]
    books = [ItchBook() for _ in data]
    threads = [threading.Thread(target=book.apply, args=(part,)) for book, part in zip(books, data, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for book, part in zip(books, data, strict=True):
        again = ItchBook()
        again.apply(part)
        assert [book.depth(symbol) for symbol in book.symbols()] == [again.depth(symbol) for symbol in book.symbols()]
