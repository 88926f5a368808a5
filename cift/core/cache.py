"""The cache: depth and top of book, on Dragonfly, Valkey or Redis, which speak one protocol.

`book:<SYMBOL>` holds the newest `BookUpdate` as JSON, `top:<SYMBOL>` its first level on each side as `TopOfBook`.
The recorder is their only writer; a cache that lost its memory is filled again by it within seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from cift.core.cache_values import CacheLockedError, CacheUnavailableError, Key, Session, Values
from cift.core.client_metrics import timed
from cift.core.config import Settings, get_settings
from cift.core.messages import BookUpdate
from cift.core.serialization import MessageError, decode_market_data, encode
from cift.core.tls import client_context

__all__ = ["Cache", "CacheLockedError", "CacheUnavailableError", "Key", "Session", "TopOfBook", "get_cache", "trust"]

TIMEOUT_S = 2.0
Engine = Literal["dragonfly", "valkey", "redis"]


def trust(settings: Settings) -> dict[str, Any]:
    """Return what redis-py is told of TLS: nothing without CACHE_CA, else whom to trust.

    Raises:
        TlsError: the file of CACHE_CA can't be used.
    """
    if not settings.cache_ca:
        return {}
    # Read here for a sentence that names the setting; redis-py reads the file itself, once for each connection.
    client_context(settings.cache_ca, setting="CACHE_CA")
    return {"ssl": True, "ssl_ca_certs": settings.cache_ca, "ssl_check_hostname": True}


class TopOfBook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The best price of each side and the quantity there; None where a side is empty."""

    symbol: str
    seq: int
    ts: int
    bid: float | None = None
    bid_quantity: float | None = None
    ask: float | None = None
    ask_quantity: float | None = None

    @classmethod
    def of(cls, book: BookUpdate) -> TopOfBook:
        """Return the first level of `book`."""
        bid, bid_quantity = book.bids[0] if book.bids else (None, None)
        ask, ask_quantity = book.asks[0] if book.asks else (None, None)
        return cls(
            symbol=book.symbol, seq=book.seq, ts=book.ts,
            bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity,
        )  # fmt: skip


class Cache(Values):
    """One pool of connections; they are made on demand, so that only a call that needs the cache can fail for it.

        async with Cache() as cache:
            book = await cache.get_book("AAPL")

    Books are here; values of other kinds, sessions, locks and rates in `cift.core.cache_values`.
    """

    def __init__(self, settings: Settings | None = None, *, timeout: float = TIMEOUT_S) -> None:
        settings = settings or get_settings()
        self._where = f"cache at {settings.cache_host}:{settings.cache_port} as user {settings.cache_user or 'default'}"
        self._timeout = timeout
        self._advice = (
            "does a server run there that speaks TLS, with a certificate of CACHE_CA's authority for that address?"
            if settings.cache_ca
            else "is the server running there? One that speaks TLS needs CACHE_CA"
        )
        self.redis = Redis(
            **trust(settings),
            host=settings.cache_host,
            port=settings.cache_port,
            username=settings.cache_user or None,
            password=settings.cache_password.get_secret_value() or None,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), 2),
            health_check_interval=30,
            client_name="cift",
        )

    @asynccontextmanager
    async def _call(self, call: str) -> AsyncIterator[None]:
        try:
            with timed("cache", call):
                yield
        except (AuthenticationError, NoPermissionError) as error:
            raise CacheUnavailableError(f"{self._where}: {error}; check CACHE_USER and CACHE_PASSWORD") from None
        except (RedisError, OSError, TimeoutError) as error:
            problem = str(error) or f"no answer in {self._timeout} s"
            raise CacheUnavailableError(f"{self._where}: {problem}; {self._advice}") from None

    async def ping(self) -> float:
        """Return the round trip to the cache in seconds.

        Raises:
            CacheUnavailableError: it does not answer or refuses us.
        """
        started = time.perf_counter()
        async with self._call("ping"):
            await asyncio.wait_for(self.redis.ping(), self._timeout)
        return time.perf_counter() - started

    async def engine(self) -> tuple[Engine, str]:
        """Return which server this is and its version.

        Raises:
            CacheUnavailableError: it does not answer or refuses us.
        """
        async with self._call("info"):
            info: dict[str, object] = await self.redis.info("server")
        # Dragonfly and Valkey also report the Redis version that they are compatible with.
        if version := info.get("dragonfly_version"):
            return "dragonfly", str(version).removeprefix("df-").removeprefix("v")
        if version := info.get("valkey_version"):
            return "valkey", str(version)
        return "redis", str(info.get("redis_version", "unknown"))

    async def set_books(self, books: Iterable[BookUpdate]) -> None:
        """Store depth and top of each book in one round trip; readers see all of them or none.

        Raises:
            CacheUnavailableError: it does not answer or refuses us.
        """
        values: dict[str, bytes] = {}
        for book in books:
            values[f"book:{book.symbol}"] = encode(book)
            values[f"top:{book.symbol}"] = encode(TopOfBook.of(book))
        if values:
            async with self._call("set_books"):
                await self.redis.mset(values)

    async def set_top_of_book(self, book: BookUpdate) -> None:
        """Store one book; see `set_books`."""
        await self.set_books([book])

    async def get_book(self, symbol: str) -> BookUpdate | None:
        """Return the newest depth of `symbol`, None when none was stored.

        Raises:
            CacheUnavailableError: it does not answer, refuses us, or holds something else under that key.
        """
        async with self._call("get_book"):
            data = await self.redis.get(f"book:{symbol}")
        if data is None:
            return None
        try:
            book = decode_market_data(data if isinstance(data, bytes) else data.encode())
        except MessageError as error:
            raise CacheUnavailableError(f"{self._where}: key book:{symbol} holds no book: {error}") from None
        return book if isinstance(book, BookUpdate) else None

    async def get_top_of_book(self, symbol: str) -> TopOfBook | None:
        """Return the newest top of book of `symbol`, None when none was stored.

        Raises:
            CacheUnavailableError: it does not answer or refuses us.
        """
        async with self._call("get_top_of_book"):
            data = await self.redis.get(f"top:{symbol}")
        return None if data is None else msgspec.json.decode(data, type=TopOfBook)

    async def close(self) -> None:
        """Close every connection; calling it twice does no harm."""
        await self.redis.aclose()

    async def __aenter__(self) -> Cache:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


_cache: Cache | None = None


async def get_cache() -> Cache:
    """Return the process-wide cache client."""
    global _cache
    if _cache is None:
        _cache = Cache()
    return _cache
