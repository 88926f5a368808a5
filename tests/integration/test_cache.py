"""The cache client, against a real server with an ACL user."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from cift.core.cache import Cache, CacheUnavailableError, TopOfBook
from cift.core.messages import BookUpdate
from tests.servers.cache import CacheServer

BOOK = BookUpdate(symbol="AAPL", ts=7, seq=3, bids=((99.0, 5.0), (98.0, 1.0)), asks=((101.0, 2.0),))


async def test_a_book_comes_back_as_it_was_set(cache_server: CacheServer) -> None:
    async with Cache(cache_server.settings()) as cache:
        assert await cache.get_book("AAPL") is None
        await cache.set_top_of_book(BOOK)
        assert await cache.get_book("AAPL") == BOOK
        assert await cache.get_top_of_book("AAPL") == TopOfBook(
            symbol="AAPL", seq=3, ts=7, bid=99.0, bid_quantity=5.0, ask=101.0, ask_quantity=2.0
        )


async def test_it_knows_its_server(cache_server: CacheServer) -> None:
    async with Cache(cache_server.settings()) as cache:
        assert 0 < await cache.ping() < 1
        engine, version = await cache.engine()
        assert engine in ("redis", "valkey")
        assert version[0].isdigit()


async def test_a_foreign_value_is_named(cache_server: CacheServer) -> None:
    async with Cache(cache_server.settings()) as cache:
        await cache.redis.set("book:AAPL", b"{}")
        with pytest.raises(CacheUnavailableError, match="key book:AAPL holds no book"):
            await cache.get_book("AAPL")


async def test_a_wrong_password_is_one_sentence(cache_server: CacheServer) -> None:
    settings = cache_server.settings().model_copy(update={"cache_password": SecretStr("wrong")})
    async with Cache(settings) as cache:
        with pytest.raises(CacheUnavailableError, match="check CACHE_USER and CACHE_PASSWORD"):
            await cache.ping()


async def test_it_is_there_again_after_a_restart(cache_server: CacheServer) -> None:
    async with Cache(cache_server.settings(), timeout=0.5) as cache:
        await cache.ping()
        cache_server.kill()
        with pytest.raises(CacheUnavailableError, match="is the server running there"):
            await cache.ping()
        cache_server.start()
        await cache.set_top_of_book(BOOK)
