"""What arguments of a limit order may be, and which of several bad ones is named: there are two ways to read them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from cift_core import FastOrderBook, FastRiskEngine, OrderError


class Number(int):
    """An int of another kind."""


class Word(str):
    """A str of another kind."""

    __slots__ = ()


# No options, and one that changes nothing: both ways to read the arguments.
OPTIONS: list[dict[str, Any]] = [{}, {"hidden": False}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("given", [5, 0, 2**30, 2**63, 2**64 - 1, True, Number(5), np.int64(5), np.uint64(2**64 - 1)])
def test_an_id_is_any_integer_of_64_bits(given: Any, options: dict[str, Any]) -> None:
    told, fills = FastOrderBook("AAPL").add_limit_order(given, "buy", 10, 1, given, **options)
    assert (told, type(told), fills) == (int(given), int, [])


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (-1, ValueError, "does not fit 64 bits without a sign"),
        (2**64, ValueError, "does not fit 64 bits without a sign"),
        (1.0, TypeError, "is not an integer"),
        (None, TypeError, "is not an integer"),
    ],
)
def test_another_id_is_named(given: Any, kind: type[Exception], words: str, options: dict[str, Any]) -> None:
    book = FastOrderBook("AAPL")
    with pytest.raises(kind, match=f"^order_id {given} {words}$"):
        book.add_limit_order(given, "buy", 10.0, 1.0, 1, **options)
    with pytest.raises(kind, match=f"^user_id {given} {words}$"):
        book.add_limit_order(1, "buy", 10.0, 1.0, given, **options)
    assert len(book) == 0


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("side", ["buy", "".join(["b", "uy"]), Word("buy")])
def test_a_side_is_the_word_not_the_object(side: Any, options: dict[str, Any]) -> None:
    book = FastOrderBook("AAPL")
    book.add_limit_order(1, side, 10.0, 1.0, 1, **options)
    assert book.best_bid() == 10.0
    assert FastRiskEngine(1.0, 1e6, 1.0).max_order_size("AAPL", side, 1.0, 0.0, 1e6) == 1.0


def test_types_of_numbers_and_options_come_before_ids_and_words() -> None:
    book: Any = FastOrderBook("AAPL")
    with pytest.raises(TypeError, match="must be real number") as raised:
        book.add_limit_order(-1, "hold", "10", "1", -1, tif=1)
    assert raised.value.__notes__ == ["while processing 'price'"]
    with pytest.raises(TypeError, match="str") as raised:
        book.add_limit_order(-1, "hold", 10.0, 1.0, -1, tif=1, hidden=2)
    assert raised.value.__notes__ == ["while processing 'tif'"]
    with pytest.raises(TypeError, match="bool") as raised:
        book.add_limit_order(-1, "hold", 10.0, 1.0, -1, tif="never", hidden=2)
    assert raised.value.__notes__ == ["while processing 'hidden'"]
    with pytest.raises(ValueError, match="order_id -1"):
        book.add_limit_order(-1, "hold", 10.005, 1.0, -1, tif="never")
    with pytest.raises(ValueError, match='side "hold"'):
        book.add_limit_order(1, "hold", 10.005, 1.0, 1, tif="never")
    with pytest.raises(ValueError, match='tif "never"'):
        book.add_limit_order(1, "buy", 10.005, 1.0, 1, tif="never")
    with pytest.raises(OrderError, match=r"price 10\.005"):
        book.add_limit_order(1, "buy", 10.005, 1.0, 1)


def test_a_check_refuses_what_is_no_word_first_and_another_word_last() -> None:
    check: Any = FastRiskEngine(1.0, 1e6, 1.0).check_order
    with pytest.raises(TypeError, match="str") as raised:
        check("AAPL", 1, "1", 1.0, 0.0, 1.0)
    assert raised.value.__notes__ == ["while processing 'side'"]
    with pytest.raises(TypeError, match="must be real number"):
        check("AAPL", "hold", "1", 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match='side "hold"'):
        check("AAPL", "hold", -1.0, 1.0, 0.0, 1.0)


def test_the_signature_tells_the_options_and_what_they_are_without() -> None:
    found = inspect.signature(FastOrderBook.add_limit_order).parameters
    assert {name: found[name].default for name in list(found)[6:]} == {
        "tif": "GTC",
        "post_only": False,
        "reprice": False,
        "display_quantity": None,
        "min_quantity": None,
        "expires": None,
        "hidden": False,
        "all_or_none": False,
        "reduce_only": False,
    }
