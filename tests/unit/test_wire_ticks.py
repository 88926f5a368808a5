"""Batches of ticks as Cap'n Proto: columns read where they lie, Arrow and structured arrays, what none can carry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cift.core import wire

GOLDEN = Path(__file__).parent / "golden"
SYMBOLS = ["AAPL", "MSFT"]


def ticks(rows: int = 5) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "symbol": (np.arange(rows) % 2).astype(np.uint32),
        "ts": np.arange(rows, dtype=np.int64) + 1_700_000_000_000_000_000,
        "price": np.arange(rows) * 0.1,
        "quantity": np.arange(rows) * 100.0,
        "side": (np.arange(rows) % 3 - 1).astype(np.int8),
        "seq": np.arange(rows, dtype=np.uint64) + 2**63,
        "pos": np.arange(rows, dtype=np.uint32),
    }


def test_ticks_are_read_where_they_lie() -> None:
    sent = ticks()
    data = wire.TickBatch.encode(SYMBOLS, sent)
    batch = wire.TickBatch(data)
    assert (len(batch), batch.symbols) == (5, SYMBOLS)
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    for name, values in sent.items():
        column = batch.column(name)
        np.testing.assert_array_equal(column, values)
        assert 0 <= column.__array_interface__["data"][0] - start < len(data)
        assert not column.flags.writeable
    assert batch.field(3, "price") == sent["price"][3]
    assert batch.field(3, "symbol") == "MSFT"
    assert {name: batch.field(-1, name) for name in sent} == {
        name: values[-1].item() for name, values in sent.items()
    } | {"symbol": "AAPL"}
    with pytest.raises(IndexError, match="index 5 is outside a batch of 5"):
        batch.field(5, "price")
    with pytest.raises(KeyError, match="colour"):
        batch.field(0, "colour")


def test_ticks_come_and_go_as_structured_arrays_and_arrow() -> None:
    data = wire.TickBatch.encode(SYMBOLS, ticks())
    batch = wire.TickBatch(data)
    assert wire.TickBatch.encode(SYMBOLS, batch.to_array()) == data
    arrow = batch.to_arrow()
    assert arrow.schema.field("ts").type == pa.timestamp("ns", "UTC")
    assert arrow.column("symbol").to_pylist()[:2] == SYMBOLS
    assert arrow.column("price").buffers()[1].address == batch.column("price").__array_interface__["data"][0]
    assert wire.TickBatch.encode_arrow(arrow) == data
    plain = arrow.set_column(0, "symbol", arrow.column("symbol").cast(pa.string()))
    assert wire.TickBatch.encode_arrow(plain.drop_columns(["seq"])) != data


def test_an_empty_batch_and_columns_that_may_be_left_out() -> None:
    assert len(wire.TickBatch(wire.TickBatch.encode([], ticks(0)))) == 0
    assert wire.TickBatch(wire.TickBatch.encode([], ticks(0))).to_arrow().num_rows == 0
    some = {name: values for name, values in ticks().items() if name not in ("seq", "pos")}
    assert not wire.TickBatch(wire.TickBatch.encode(SYMBOLS, some)).column("seq").any()
    with pytest.raises(KeyError, match="price"):
        wire.TickBatch.encode(SYMBOLS, {"ts": np.zeros(1, np.int64), "symbol": np.zeros(1, np.uint32)})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"symbol": np.array([0, 1, 2, 0, 0])}, wire.WireError, r"ticks.symbol: 2 in row 2 is not one of 2 symbols"),
        ({"side": np.array([0, 2, 0, 0, 0])}, wire.WireError, r"ticks.side: 2 in row 1 is not one of 1, -1, 0"),
        ({"price": np.zeros(4)}, wire.WireError, r"ticks.price: has 4 rows, ts has 5"),
        ({"side": np.full(5, 257)}, TypeError, r"side has dtype int64"),
        ({"price": np.array(["1"] * 5)}, TypeError, r"price has dtype <U1"),
    ],
)
def test_ticks_that_no_batch_can_carry_are_refused(change: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        wire.TickBatch.encode(SYMBOLS, ticks() | change)


def test_too_much_for_a_message_is_refused() -> None:
    rows = (64 << 20) // 41 + 1
    columns = {name: np.zeros(rows, values.dtype) for name, values in ticks(0).items()}
    with pytest.raises(wire.WireError, match="more than 67108864"):
        wire.TickBatch.encode(["A"], columns)
    with pytest.raises(wire.WireError, match="more than 67108864"):
        wire.TickBatch(b"\0\0\0\0\1\0\0\1" + bytes(8))


def test_old_batches_of_ticks_stay_readable() -> None:
    batch = wire.TickBatch((GOLDEN / "wire-v1-ticks.bin").read_bytes())
    assert batch.symbols == SYMBOLS
    for name, values in ticks().items():
        np.testing.assert_array_equal(batch.column(name), values)
