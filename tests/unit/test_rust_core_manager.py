"""The migration guide's way to the books."""

from __future__ import annotations

import pytest

from cift.core.rust_integration import OrderBookManager, UnknownSymbolError, get_order_book_manager


async def test_the_guides_call() -> None:
    book_mgr = get_order_book_manager()
    assert book_mgr is get_order_book_manager()
    order_id, fills = await book_mgr.add_limit_order(
        symbol="AAPL", order_id=12345, side="buy", price=150.0, quantity=100.0, user_id=1
    )
    assert (order_id, fills) == (12345, [])
    assert await book_mgr.cancel_order(symbol="AAPL", order_id=12345)


async def test_every_call_reaches_its_book() -> None:
    manager = OrderBookManager()
    await manager.add_limit_order(symbol="A", order_id=1, side="sell", price=10.0, quantity=5, user_id=1)
    await manager.add_limit_order(symbol="B", order_id=1, side="sell", price=20.0, quantity=5, user_id=1)
    (fill,) = await manager.add_market_order(symbol="A", order_id=2, side="buy", quantity=1, user_id=2)
    assert fill[:3] == (10.0, 1.0, 1)
    assert await manager.reduce_order(symbol="A", order_id=1, by=1) == 3.0
    assert await manager.modify_order(symbol="B", order_id=1, price=21.0) == []
    assert await manager.get_depth(symbol="A", levels=1) == ([], [(10.0, 3.0)])
    assert await manager.get_best(symbol="B") == (None, 21.0)
    assert manager.symbols == ["A", "B"]


async def test_only_an_order_opens_a_book() -> None:
    manager = OrderBookManager()
    with pytest.raises(UnknownSymbolError, match="symbol 'A' has no book"):
        await manager.cancel_order(symbol="A", order_id=1)
    with pytest.raises(UnknownSymbolError):
        await manager.get_depth(symbol="A")
    strict = OrderBookManager(open_unknown=False)
    with pytest.raises(UnknownSymbolError):
        await strict.add_market_order(symbol="A", order_id=1, side="buy", quantity=1, user_id=1)
    strict.open_book("A", tick_size=0.05)
    assert await strict.add_market_order(symbol="A", order_id=1, side="buy", quantity=1, user_id=1) == []


def test_a_book_keeps_its_grid() -> None:
    manager = OrderBookManager()
    book = manager.open_book("A", tick_size=0.5, lot_size=10)
    assert manager.open_book("A", tick_size=0.5, lot_size=10) is book
    with pytest.raises(ValueError, match=r"is open with tick_size 0.5 and lot_size 10"):
        manager.open_book("A")
