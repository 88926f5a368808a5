"""The parts of the cache client that need no server."""

from __future__ import annotations

import pytest

from cift.core.cache import Cache, CacheUnavailableError, TopOfBook
from cift.core.config import Settings
from cift.core.messages import BookUpdate


def test_the_top_of_a_one_sided_book_has_no_other_side() -> None:
    book = BookUpdate(symbol="AAPL", ts=1, seq=2, bids=((9.0, 3.0), (8.0, 1.0)), asks=())
    assert TopOfBook.of(book) == TopOfBook(symbol="AAPL", seq=2, ts=1, bid=9.0, bid_quantity=3.0)


async def test_nobody_there_is_one_sentence() -> None:
    async with Cache(Settings(CACHE_HOST="127.0.0.1", CACHE_PORT=1), timeout=0.2) as cache:
        for call in (cache.ping(), cache.get_book("AAPL"), cache.engine()):
            with pytest.raises(
                CacheUnavailableError, match=r"cache at 127\.0\.0\.1:1 as user default: .*running there"
            ):
                await call
