"""Reading LOBSTER files and generating order flow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cift.core.orderflow import BookRow, FlowEvent, OrderFlowError, generate, read_lobster_book, read_lobster_messages

MESSAGES = """34200.004241176,1,16113575,18,5853300,1
34200.5,2,16113575,8,5853300,1
34201,3,16113575,10,5853300,1
34202,4,7,5,5859400,-1
34203,5,0,100,5856000,-1
34204,7,0,0,-1,-1
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "message.csv"
    path.write_text(text)
    return path


def test_messages(tmp_path: Path) -> None:
    events = list(read_lobster_messages(write(tmp_path, MESSAGES)))
    assert events[0] == FlowEvent(34_200_004_241_176, "add", 16113575, "buy", 585.33, 18.0)
    assert [event.kind for event in events] == ["add", "reduce", "cancel", "execute", "hidden", "halt"]
    assert events[3].side == "sell"


def test_books_leave_empty_levels_out(tmp_path: Path) -> None:
    path = write(tmp_path, "5859400,200,5853300,18,9999999999,0,-9999999999,0\n")
    assert list(read_lobster_book(path)) == [BookRow(bids=((585.33, 18.0),), asks=((585.94, 200.0),), depth=2)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("34200.1,1,7,5,5853300", "2: 5 fields, expected 6"),
        ("", "2: 0 fields, expected 6"),
        ("noon,1,7,5,5853300,1", "2: time 'noon' is not a number of seconds after midnight"),
        ("nan,1,7,5,5853300,1", "2: time 'nan' is not"),
        ("1e999999,1,7,5,5853300,1", "2: time '1e999999' is not"),
        ("34200.1,9,7,5,5853300,1", "2: type 9 is not one of 1, 2, 3, 4, 5, 7"),
        ("34200.1,1,x,5,5853300,1", "2: order id 'x' is not a whole number"),
        ("34200.1,1,7,-5,5853300,1", "2: size -5 must be greater than zero"),
        ("34200.1,1,7,5,0,1", "2: price 0 must be greater than zero"),
        ("34200.1,1,7,5,58.5,1", "2: price '58.5' is not a whole number"),
        ("34200.1,1,7,5,5853300,2", r"2: direction 2 is neither 1 \(buy\) nor -1 \(sell\)"),
    ],
)
def test_bad_messages_name_file_line_and_field(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path, f"34200.1,1,7,5,5853300,1\n{row}\n")
    with pytest.raises(OrderFlowError, match=f"message.csv:{message}"):
        list(read_lobster_messages(path))


def test_bad_books_name_file_line_and_field(tmp_path: Path) -> None:
    with pytest.raises(OrderFlowError, match=r"message.csv:1: 3 fields, expected 4 for each level"):
        list(read_lobster_book(write(tmp_path, "1,2,3\n")))
    with pytest.raises(OrderFlowError, match=r"message.csv:1: column 2 'many' is not a whole number"):
        list(read_lobster_book(write(tmp_path, "1,many,3,4\n")))


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(OrderFlowError, match=r"nowhere.csv: No such file"):
        list(read_lobster_messages(tmp_path / "nowhere.csv"))
    path = tmp_path / "message.csv"
    path.write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(OrderFlowError, match="not a CSV file"):
        list(read_lobster_messages(path))


def test_the_same_seed_generates_the_same_flow() -> None:
    flow = list(generate(3000, seed=5))
    assert flow == list(generate(3000, seed=5))
    assert flow != list(generate(3000, seed=6))
    assert flow[:1000] == list(generate(1000, seed=5))
    assert len(flow) == 3000
    assert {"add", "cancel", "reduce", "execute"} == set(Counter(event.kind for event in flow))


def test_generated_flow_only_speaks_of_what_rests() -> None:
    resting: dict[int, float] = {}
    last_ns = 0
    for event in generate(5000, seed=2):
        assert event.time_ns >= last_ns
        assert event.price > 0
        last_ns = event.time_ns
        if event.kind == "add":
            resting[event.order_id] = event.quantity
        else:
            resting[event.order_id] -= event.quantity
            assert resting[event.order_id] >= 0
            if event.kind == "cancel":
                assert resting[event.order_id] == 0
