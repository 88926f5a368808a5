"""The connection to NATS: publish, subscribe, request, and JetStream with acknowledged, deduplicated publishing.

A lost server is no error here: the client reconnects for ever, with jitter so that a fleet does not return in one
instant. Calls that need an answer fail fast meanwhile; `on_reconnect` tells those who keep state on the server.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

from nats.aio.client import Server
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, KeyValueConfig, ObjectStoreConfig, PubAck

from cift.core.client_metrics import LOSSES, timed
from cift.core.config import Settings, get_settings
from cift.core.nats_client import SteadyClient, public_key, sign_in
from cift.core.nats_stores import KeyValues, Objects, Payload, to_bytes

__all__ = [
    "BatchError",
    "NatsManager",
    "NatsUnavailableError",
    "Payload",
    "close_nats_manager",
    "get_nats_manager",
    "to_bytes",
]

log = logging.getLogger(__name__)

RECONNECT_WAIT_S = (0.05, 0.5)
PING_INTERVAL_S = 10
# Messages of a batch that are on their way at once.
BATCH = 256
# The first repetition of a message that a handler failed with, and the last one's distance.
RETRY_S = (0.5, 60.0)


class NatsUnavailableError(ConnectionError):
    """There is no connection to NATS right now, or it could not be made."""


class BatchError(RuntimeError):
    """Some of a batch may not be stored; `stored` of them are. Message ids make it safe to repeat all."""

    def __init__(self, stored: int, count: int, cause: BaseException) -> None:
        super().__init__(f"{stored} of {count} messages are known to be stored: {cause or type(cause).__name__}")
        self.stored = stored


class NatsManager:
    """One connection with a clear life: `connect`, `close`, or `async with`.

        nats = await get_nats_manager()
        await nats.publish("market.ticks.AAPL", {"price": 150.0, "volume": 100})

    `losses` counts how often it was lost; what was sent before the last loss and not acknowledged may be lost as well.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "cift") -> None:
        self.settings = settings or get_settings()
        self.name = name
        self.client = SteadyClient(quick=self.settings.nats_codec == "rust")
        self.js: JetStreamContext = self.client.jetstream(timeout=5)
        self.losses = 0
        self._established = False
        self._problem = self._refusal = ""
        self._reconnect_hooks: list[Callable[[], Awaitable[None]]] = []

    async def connect(self, *, timeout_s: float = 10.0) -> NatsManager:
        """Connect, trying for `timeout_s` seconds (a server may be starting beside us).

        Raises:
            NatsUnavailableError: nobody answers, the server refuses our key, or we its certificate.
        """
        settings = self.settings
        try:
            async with asyncio.timeout(timeout_s):
                await self.client.connect(
                    **sign_in(settings),
                    name=self.name,
                    connect_timeout=2,
                    reconnect_time_wait=RECONNECT_WAIT_S[0],  # type: ignore[arg-type]  # seconds, a float will do
                    max_reconnect_attempts=-1,
                    reconnect_to_server_handler=self._next_server,
                    ping_interval=PING_INTERVAL_S,
                    pending_size=64 << 20,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                )
        except ValueError as error:
            raise NatsUnavailableError(f"NATS at {settings.nats_url}: {error}") from None
        except (Error, OSError, TimeoutError) as error:
            await self.client.close()
            problem = self._refusal or self._problem or str(error) or "no answer"
            expected = "is nats-server running there?"
            if self._refusal:
                expected = "check NATS_NKEY_SEED, and that the server lists this key"
            elif "certificate" in problem.lower():
                expected = "check CIFT_NATS_CA and the names in the server's certificate"
            where = f"NATS at {settings.nats_url} as {public_key(settings) or 'nobody'}"
            raise NatsUnavailableError(f"{where}: {problem}; {expected}") from None
        self._established = True
        return self

    def _next_server(self, pool: list[Server], _info: dict[str, Any]) -> tuple[Server, float]:
        """Choose one that failed least, and not the one just lost: a host that was cut off doesn't even refuse."""
        lost = self.client._current_server
        left = lost.uri.netloc if lost is not None else ""
        chosen = min(pool, key=lambda one: (one.reconnects, one.uri.netloc == left, random.random()))  # noqa: S311
        return chosen, random.uniform(*RECONNECT_WAIT_S)  # noqa: S311

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text == self._problem and not self.client.is_connected:
            return  # the same server is still away
        self._problem = text
        if not self._established and "authorization" in text.lower():
            self._refusal = text
            raise error  # out of `connect`: another try would be refused as well
        log.warning("nats: %s", text)

    async def _on_disconnect(self) -> None:
        self.losses += 1
        LOSSES.labels("nats").inc()
        if not self.client.is_closed:
            self.client.forget_pending()
            log.warning("nats: connection lost, reconnecting")

    async def _on_reconnect(self) -> None:
        self._problem = ""
        log.info("nats: connected again")
        for hook in list(self._reconnect_hooks):
            await hook()

    def on_reconnect(self, hook: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Call `hook` after each reconnect: messages on their way when the connection broke may be lost.

        Return a function that ends it.
        """
        self._reconnect_hooks.append(hook)
        return lambda: self._reconnect_hooks.remove(hook)

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        return bool(self.client.is_connected)

    def _require(self) -> None:
        if not self.client.is_connected:
            raise NatsUnavailableError(f"NATS at {self.settings.nats_url}: not connected; reconnecting")

    async def publish(self, subject: str, payload: Payload, *, headers: dict[str, str] | None = None) -> None:
        """Publish without an acknowledgement.

        Raises:
            NatsUnavailableError: there is no connection now.
        """
        self._require()
        await self.client.publish(subject, to_bytes(payload), headers=headers)

    async def publish_acked(
        self,
        subject: str,
        payload: Payload,
        *,
        msg_id: str | None = None,
        timeout_s: float = 2.0,
        headers: dict[str, str] | None = None,
    ) -> PubAck:
        """Publish to a stream and wait until it is stored; the same `msg_id` again is stored once.

        Raises:
            NatsUnavailableError: there is no connection now.
            nats.errors.Error: no acknowledgement in `timeout_s` seconds, no such stream, or the stream is full.
        """
        self._require()
        if msg_id:
            headers = {"Nats-Msg-Id": msg_id, **(headers or {})}
        with timed("nats", "publish"):
            return await self.js.publish(subject, to_bytes(payload), timeout=timeout_s, headers=headers or None)

    async def publish_batch(
        self, messages: Iterable[tuple[str, Payload, str | None]], *, timeout_s: float = 5.0
    ) -> list[PubAck]:
        """Publish `(subject, payload, message id or None)` to streams, many at once, and wait until all are stored.

        They reach the server in order. Return their acknowledgements, in order.

        Raises:
            NatsUnavailableError: there is no connection now.
            BatchError: some were not acknowledged.
        """
        self._require()
        batch, acks = list(messages), list[PubAck | BaseException]()
        for start in range(0, len(batch), BATCH):
            acks += await asyncio.gather(
                *(
                    self.publish_acked(subject, payload, msg_id=msg_id, timeout_s=timeout_s)
                    for subject, payload, msg_id in batch[start : start + BATCH]
                ),
                return_exceptions=True,
            )
            if any(isinstance(ack, BaseException) for ack in acks):
                break
        stored = [ack for ack in acks if isinstance(ack, PubAck)]
        for ack in acks:
            if isinstance(ack, BaseException):
                raise BatchError(len(stored), len(batch), ack) from ack
        return stored

    async def request(self, subject: str, payload: Payload = b"", *, timeout_s: float = 1.0) -> bytes:
        """Send a request and return its answer.

        Raises:
            NatsUnavailableError: there is no connection now.
            nats.errors.Error: nobody listens on `subject`, or no answer in `timeout_s` seconds.
        """
        self._require()
        with timed("nats", "request"):
            return (await self.client.request(subject, to_bytes(payload), timeout=timeout_s)).data

    async def subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[None]], *, queue: str = ""
    ) -> Subscription:
        """Call `callback` for each message on `subject`; return once the server knows about it.

        A flush is not enough: the client may send its PING before the SUB (nats-py 2.16). Two round trips are.
        """
        subscription = await self.client.subscribe(subject, queue=queue, cb=callback)
        await self.client.flush()
        await self.client.flush()
        return subscription

    async def consume(
        self,
        stream: str,
        durable: str,
        handle: Callable[[Msg], Awaitable[None]],
        *,
        subject: str = "",
        batch: int = 100,
    ) -> None:
        """Call `handle` for each message of a stream, one after the other, until cancelled.

        The server keeps the consumer `durable` and how far it is: others that consume under this name share its
        messages, and a later run goes on where this one stopped. A message is done when `handle` returns; where it
        raises, or nothing is heard for half a minute, it comes again, later each time: `handle` may see one twice.
        """
        config = ConsumerConfig(ack_wait=30, filter_subject=subject or None)
        pull = await self.js.pull_subscribe(subject, durable=durable, stream=stream, config=config)
        wait, longest = RETRY_S
        try:
            while True:
                try:
                    messages = await pull.fetch(batch, timeout=5)
                except (Error, OSError, TimeoutError) as error:
                    if not isinstance(error, TimeoutError):  # which means that there is nothing
                        log.warning("consumer %s of %s: %s", durable, stream, str(error) or type(error).__name__)
                        await asyncio.sleep(random.uniform(*RECONNECT_WAIT_S))  # noqa: S311
                    continue
                for message in messages:
                    try:
                        await handle(message)
                    except Exception:
                        tries = message.metadata.num_delivered or 1
                        log.exception(
                            "consumer %s of %s: message %s", durable, stream, message.metadata.sequence.stream
                        )
                        await message.nak(delay=min(longest, wait * 2 ** min(tries - 1, 10)))
                    else:
                        await message.ack()
        finally:
            with suppress(Error, OSError):
                await pull.unsubscribe()

    async def kv(self, bucket: str, *, make: bool = False, ttl_s: float | None = None, history: int = 1) -> KeyValues:
        """Open a key-value bucket; with `make` it is made if need be, its values lasting `ttl_s` seconds (None: ever).

        Raises:
            nats.js.errors.BucketNotFoundError: it isn't there.
        """
        if make:
            replicas = self.settings.nats_replicas
            config = KeyValueConfig(bucket=bucket, ttl=ttl_s, history=history, replicas=replicas)
            return KeyValues(await self.js.create_key_value(config))
        return KeyValues(await self.js.key_value(bucket))

    async def objects(self, bucket: str, *, make: bool = False, ttl_s: float | None = None) -> Objects:
        """Open a bucket of objects; with `make` it is made if need be.

        Raises:
            nats.js.errors.BucketNotFoundError: it isn't there.
        """
        if make:
            config = ObjectStoreConfig(bucket=bucket, ttl=ttl_s, replicas=self.settings.nats_replicas)
            return Objects(await self.js.create_object_store(bucket, config=config))
        return Objects(await self.js.object_store(bucket))

    async def ping(self, *, timeout_s: float = 1.0) -> float:
        """Return the round trip to the server in seconds.

        Raises:
            NatsUnavailableError: there is no connection, or no answer in `timeout_s` seconds.
        """
        self._require()
        try:
            return float(await asyncio.wait_for(self.client.rtt(), timeout_s))
        except (Error, OSError, TimeoutError) as error:
            problem = str(error) or "no answer"
            raise NatsUnavailableError(f"NATS at {self.settings.nats_url}: {problem}") from None

    async def close(self) -> None:
        """Send what is pending and close; calling it twice does no harm."""
        if not self._established or self.client.is_closed:
            return
        if not self.client.is_connected:
            await self.client.close()
            return
        try:
            await asyncio.wait_for(self.client.drain(), 5.0)
        except (Error, OSError, TimeoutError):
            await self.client.close()

    async def __aenter__(self) -> NatsManager:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


_manager: NatsManager | None = None
_lock = asyncio.Lock()


async def get_nats_manager() -> NatsManager:
    """Return the process-wide connection, made at the first call."""
    global _manager
    async with _lock:
        if _manager is None or _manager.client.is_closed:
            _manager = await NatsManager().connect()
        return _manager


async def close_nats_manager() -> None:
    """Close the process-wide connection if there is one."""
    global _manager
    async with _lock:
        if _manager is not None:
            await _manager.close()
            _manager = None
