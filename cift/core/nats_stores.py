"""NATS' key-value and object stores, as small values by key and large ones by name.

async with NatsManager() as nats:
    limits = await nats.kv("limits")
    revision = await limits.put("AAPL", {"max_position": 1000})
    models = await nats.objects("models")
    await models.put("alpha", data)
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, NamedTuple

from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError, NotFoundError
from nats.js.kv import KeyValue
from nats.js.object_store import ObjectStore

from cift.core.client_metrics import timed
from cift.core.serialization import encode

Payload = bytes | str | dict[str, Any] | Any


class ConflictError(RuntimeError):
    """A key is not as it was expected to be: somebody else has written it."""


class Entry(NamedTuple):
    """A key's value (None: deleted), and the number of that write, which grows with each one in the bucket."""

    key: str
    value: bytes | None
    revision: int


def to_bytes(payload: Payload) -> bytes:
    """Return bytes and text as they are, anything else as JSON."""
    if isinstance(payload, bytes):
        return payload
    return payload.encode() if isinstance(payload, str) else encode(payload)


class KeyValues:
    """One bucket of keys. Calls raise nats.errors.Error when nobody answers or the server refuses."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def get(self, key: str) -> Entry | None:
        """Return a key's entry; None where there is none."""
        with timed("nats", "kv get"):
            try:
                found = await self._store.get(key)
            except KeyNotFoundError:
                return None
        return Entry(key, found.value or b"", found.revision or 0)

    async def put(self, key: str, payload: Payload) -> int:
        """Write a key, whatever it was; return the revision."""
        with timed("nats", "kv put"):
            return await self._store.put(key, to_bytes(payload))

    async def create(self, key: str, payload: Payload) -> int:
        """Write a key that must not be there; return the revision.

        Raises:
            ConflictError: it is there.
        """
        return await self._change(key, payload, 0)

    async def update(self, key: str, payload: Payload, revision: int) -> int:
        """Write a key that must still be at `revision`; return the new one.

        Raises:
            ConflictError: it is not.
        """
        return await self._change(key, payload, revision)

    async def _change(self, key: str, payload: Payload, revision: int) -> int:
        with timed("nats", "kv put"):
            try:
                if revision:
                    return await self._store.update(key, to_bytes(payload), last=revision)
                return await self._store.create(key, to_bytes(payload))
            except KeyWrongLastSequenceError:
                expected = f"at revision {revision}" if revision else "absent"
                raise ConflictError(
                    f"key {key}: somebody has written it, expected it {expected}; read it again"
                ) from None

    async def delete(self, key: str) -> None:
        """Delete a key; one that isn't there does no harm."""
        with timed("nats", "kv delete"):
            await self._store.delete(key)

    async def keys(self) -> list[str]:
        """Return the keys that there are, sorted."""
        with timed("nats", "kv keys"):
            try:
                return sorted(await self._store.keys())
            except NoKeysError:
                return []

    async def watch(self, pattern: str = ">") -> AsyncIterator[Entry]:
        """Yield the entries that there are, then every write and deletion as it happens, for ever."""
        watcher = await self._store.watch(pattern)
        try:
            while True:
                try:
                    update = await watcher.updates(timeout=60)  # type: ignore[no-untyped-call]
                except NatsTimeoutError:
                    continue  # nothing happened
                if update is not None:  # else: these were all that there are
                    gone = update.operation is not None
                    yield Entry(update.key, None if gone else update.value or b"", update.revision or 0)
        finally:
            with suppress(Error, OSError):
                await watcher.stop()  # type: ignore[no-untyped-call]


class Objects:
    """One bucket of objects of any size. Calls raise nats.errors.Error when nobody answers or the server refuses."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, name: str, data: bytes) -> None:
        """Store an object in place of the one of that name, which stays until the new one is whole."""
        with timed("nats", "object put"):
            await self._store.put(name, data)

    async def get(self, name: str) -> bytes | None:
        """Return an object; None where there is none.

        Raises:
            nats.js.errors.DigestMismatchError: it is damaged.
        """
        whole = io.BytesIO()
        with timed("nats", "object get"):
            try:
                await self._store.get(name, writeinto=whole)
            except NotFoundError:
                return None
        return whole.getvalue()

    async def delete(self, name: str) -> bool:
        """Delete an object; return whether there was one."""
        with timed("nats", "object delete"):
            try:
                await self._store.delete(name)
            except NotFoundError:
                return False
        return True

    async def names(self) -> list[str]:
        """Return the names of the objects that there are, sorted."""
        with timed("nats", "object list"):
            try:
                return sorted(info.name for info in await self._store.list(ignore_deletes=True))
            except NotFoundError:
                return []
