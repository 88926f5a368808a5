"""submit_batch: the same outcome as call by call, in rows."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np
import pytest
from cift_core import COMMAND_DTYPE, EVENT_DTYPE, FastOrderBook, OrderError, dtypes
from numpy.typing import NDArray


def commands(*rows: dict[str, Any]) -> NDArray[np.void]:
    array = np.zeros(len(rows), COMMAND_DTYPE)
    for at, row in enumerate(rows):
        for name, value in row.items():
            array[at][name] = value
    return array


def random_commands(count: int, seed: int) -> NDArray[np.void]:
    chance = random.Random(seed)
    array = np.zeros(count, COMMAND_DTYPE)
    for row in array:
        row["op"] = chance.choices(range(5), (10, 1, 3, 1, 2))[0]
        row["side"], row["tif"] = chance.randrange(2), chance.choices(range(3), (8, 1, 1))[0]
        row["flags"] = chance.random() < 0.1
        row["order_id"], row["user_id"] = chance.randrange(80), chance.randrange(3)
        row["price"] = chance.randint(95, 105) / 100 if row["op"] != 4 or chance.random() < 0.7 else np.nan
        row["quantity"] = chance.choice((1, 5, 20, 0, -1, 0.5))
    return array


def one_by_one(book: FastOrderBook, row: Any) -> None:
    side, tif = ("buy", "sell")[row["side"]], ("GTC", "IOC", "FOK")[row["tif"]]
    order_id, user, price, quantity = int(row["order_id"]), int(row["user_id"]), float(row["price"]), row["quantity"]
    try:
        match row["op"]:
            case dtypes.LIMIT:
                post_only = bool(row["flags"] & dtypes.POST_ONLY)
                book.add_limit_order(order_id, side, price, quantity, user, tif=tif, post_only=post_only)
            case dtypes.MARKET:
                book.add_market_order(order_id, side, quantity, user)
            case dtypes.CANCEL:
                book.cancel_order(order_id)
            case dtypes.REDUCE:
                book.reduce_order(order_id, quantity)
            case _:
                book.modify_order(order_id, price=None if np.isnan(price) else price, quantity=quantity)
    except OrderError:
        pass


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_ends_where_single_calls_end(seed: int) -> None:
    whole, single = FastOrderBook("X"), FastOrderBook("X")
    rows = random_commands(2000, seed)
    whole.submit_batch(rows)
    for row in rows:
        one_by_one(single, row)
    assert whole.state_hash() == single.state_hash()


def test_events_say_what_happened() -> None:
    book = FastOrderBook("X")
    events = book.submit_batch(
        commands(
            {"op": dtypes.LIMIT, "side": dtypes.SELL, "order_id": 1, "user_id": 7, "price": 10.0, "quantity": 5},
            {"op": dtypes.LIMIT, "side": dtypes.BUY, "order_id": 2, "user_id": 8, "price": 10.0, "quantity": 8},
            {"op": dtypes.LIMIT, "side": dtypes.BUY, "order_id": 2, "user_id": 8, "price": 10.0, "quantity": 8},
            {"op": dtypes.REDUCE, "order_id": 2, "quantity": 1},
            {"op": dtypes.MARKET, "side": dtypes.SELL, "order_id": 3, "user_id": 9, "quantity": 3},
            {"op": dtypes.CANCEL, "order_id": 2},
            {"op": 9, "order_id": 4},
        )
    )
    assert events.dtype == EVENT_DTYPE
    kinds = [(int(e["command"]), int(e["kind"]), float(e["quantity"]), int(e["maker_order_id"])) for e in events]
    assert kinds == [
        (0, dtypes.ACCEPTED, 5.0, 0),
        (1, dtypes.FILL, 5.0, 1),
        (1, dtypes.ACCEPTED, 3.0, 0),
        (2, dtypes.REJECTED, 0.0, 0),
        (3, dtypes.CANCELLED, 1.0, 0),
        (4, dtypes.FILL, 2.0, 2),
        (4, dtypes.CANCELLED, 1.0, 0),
        (4, dtypes.ACCEPTED, 0.0, 0),
        (5, dtypes.REJECTED, 0.0, 0),
        (6, dtypes.REJECTED, 0.0, 0),
    ]
    assert events["code"][[3, 8, 9]].tolist() == [1, 2, 9]


def test_only_a_contiguous_array_of_commands_is_taken() -> None:
    book = FastOrderBook("X")
    array = np.zeros(4, COMMAND_DTYPE)
    for wrong in (array[::2], array.reshape(2, 2), np.zeros(3), np.zeros(3, EVENT_DTYPE)):
        with pytest.raises(TypeError, match="COMMAND_DTYPE"):
            book.submit_batch(wrong)
    with pytest.raises(TypeError):
        book.submit_batch([1, 2])  # type: ignore[arg-type]
    assert len(book.submit_batch(array[:0])) == 0


def test_books_on_several_threads_end_as_alone() -> None:
    rows = [random_commands(3000, seed) for seed in range(4)]
    alone = [FastOrderBook("X") for _ in rows]
    together = [FastOrderBook("X") for _ in rows]
    for book, batch in zip(alone, rows, strict=True):
        book.submit_batch(batch)
    threads = [
        threading.Thread(target=book.submit_batch, args=(batch,)) for book, batch in zip(together, rows, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [book.state_hash() for book in together] == [book.state_hash() for book in alone]
