"""Values of any kind in the cache: typed keys with an end, many at once, sessions, a lock, a limit of rates.

    POSITIONS = Key("position", PositionRow, ttl_s=60)
    async with Cache() as cache:
        await cache.put(POSITIONS, "7:AAPL", row)
        row = await cache.get(POSITIONS, "7:AAPL")

A value is JSON under `<prefix>:<name>`; what can't be read as the key's type is an error that names it, never a wrong
value.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import LockError

from cift.core.cache_rate import take
from cift.core.serialization import encode

T = TypeVar("T")


class CacheUnavailableError(ConnectionError):
    """The cache does not answer, or refuses the user or the command; the message says which and what to do."""


class CacheLockedError(RuntimeError):
    """Somebody else holds the lock, or it ended while we held it."""


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """A kind of value: `<prefix>:<name>` holds a `kind` as JSON, for `ttl_s` seconds (None: for ever)."""

    prefix: str
    kind: type[T]
    ttl_s: float | None = None

    def named(self, name: str) -> str:
        """Return the key of one value."""
        return f"{self.prefix}:{name}"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in, for which account, and what he may do."""

    login: str
    account_id: int
    scopes: tuple[str, ...] = ()


SESSIONS = Key("session", Session, ttl_s=3600.0)


class Values(ABC):
    """Every call raises CacheUnavailableError when the cache doesn't answer or refuses us."""

    redis: Redis

    @abstractmethod
    def _call(self, call: str) -> AbstractAsyncContextManager[None]:
        """Time what is asked inside, and turn redis' errors into ours."""

    async def get(self, key: Key[T], name: str) -> T | None:
        """Return a value, None where there is none (any more)."""
        async with self._call("get"):
            data = await self.redis.get(key.named(name))
        return self._read(key, name, data)

    async def get_many(self, key: Key[T], names: Sequence[str]) -> dict[str, T]:
        """Return the values that are there, by name, in one round trip."""
        if not names:
            return {}
        async with self._call("get"):
            found = await self.redis.mget([key.named(name) for name in names])
        values = {name: self._read(key, name, data) for name, data in zip(names, found, strict=True)}
        return {name: value for name, value in values.items() if value is not None}

    async def put(self, key: Key[T], name: str, value: T, *, ttl_s: float | None = None) -> None:
        """Store a value, for `ttl_s` seconds or as long as its key says."""
        await self.put_many(key, {name: value}, ttl_s=ttl_s)

    async def put_many(self, key: Key[T], values: Mapping[str, T], *, ttl_s: float | None = None) -> None:
        """Store values in one round trip; readers see all of them or none."""
        lasts = key.ttl_s if ttl_s is None else ttl_s
        if lasts is not None and not 0.001 <= lasts < 1e9:
            raise ValueError(f"ttl_s: found {lasts}, expected seconds from 0.001 up")
        async with self.pipeline() as pipeline:
            for name, value in values.items():
                pipeline.set(key.named(name), encode(value), px=None if lasts is None else int(lasts * 1000))

    async def forget(self, key: Key[Any], *names: str) -> int:
        """Delete values; return how many there were."""
        if not names:
            return 0
        async with self._call("delete"):
            return int(await self.redis.delete(*map(key.named, names)))

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Pipeline]:
        """Collect commands, and send them as one transaction at the end of the block, unless it fails."""
        async with self._call("pipeline"), self.redis.pipeline(transaction=True) as pipeline:
            yield pipeline
            await pipeline.execute()

    def _read(self, key: Key[T], name: str, data: bytes | str | None) -> T | None:
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=key.kind)
        except msgspec.MsgspecError as error:
            raise CacheUnavailableError(
                f"key {key.named(name)} holds no {key.kind.__name__}: {error}; delete it, or find out who writes it"
            ) from None

    async def open_session(self, session: Session, *, ttl_s: float | None = None) -> str:
        """Keep a session, and return the token that its owner shows; the cache knows the token's hash alone."""
        token = secrets.token_urlsafe(32)
        await self.put(SESSIONS, _hashed(token), session, ttl_s=ttl_s)
        return token

    async def session(self, token: str) -> Session | None:
        """Return the session of a token, None where it has ended or never was."""
        return await self.get(SESSIONS, _hashed(token))

    async def close_session(self, token: str) -> bool:
        """End a session; return whether there was one."""
        return bool(await self.forget(SESSIONS, _hashed(token)))

    @asynccontextmanager
    async def lock(self, name: str, *, ttl_s: float = 10.0, wait_s: float = 0.0) -> AsyncIterator[None]:
        """Hold a lock inside the block, waiting for it up to `wait_s` seconds. It ends after `ttl_s` in any case.

        It keeps work from being done twice; it is no proof: a server that fails may forget it.

        Raises:
            CacheLockedError: somebody else has it; at the end of the block: it had ended before.
        """
        lock = self.redis.lock(f"lock:{name}", timeout=ttl_s, blocking_timeout=wait_s)
        async with self._call("lock"):
            ours = await lock.acquire()
        if not ours:
            raise CacheLockedError(f"lock {name}: somebody else holds it, also after {wait_s:g} s")
        try:
            yield
        finally:
            async with self._call("lock"):
                try:
                    await lock.release()
                except LockError:
                    raise CacheLockedError(f"lock {name}: ended after {ttl_s:g} s, before its work did") from None

    async def wait_for_rate(self, name: str, *, rate: float, burst: int = 1, count: int = 1) -> float:
        """Count `count` events of `name` against `rate` a second, of which up to `burst` may come at once.

        Return 0.0 where they may happen; else nothing is counted, and the seconds are returned after which they may.
        ValueError for a rate that is none, or a count beyond the burst.
        """
        async with self._call("rate"):
            return (await take(self.redis, name, rate=rate, burst=burst, needed=count, wanted=count)).wait_s


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
