"""nats-py's client, mended where it would stay deaf, or speak out of turn, for want of a reconnect.

Found with nats-py 2.16 on a loaded machine; each method below says what happens without it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error, UnexpectedEOF

from cift.core.config import Settings
from cift.core.nats_parser import Listener, QuickParser, Tap
from cift.core.nkey import UserKey
from cift.core.tls import client_context


def sign_in(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `SteadyClient.connect` that say where the servers are, how to trust them and who we are.

    Raises:
        OSError: a certificate's file isn't there, or isn't one.
        ValueError: the seed of NATS_NKEY_SEED is damaged.
    """
    servers = [part.strip() for part in settings.nats_url.split(",")]
    found: dict[str, Any] = {"servers": servers}
    if settings.nats_ca or settings.nats_certificate or any(server.startswith("tls://") for server in servers):
        found["tls"] = client_context(
            settings.nats_ca,
            setting="CIFT_NATS_CA",
            certificate=settings.nats_certificate,
            key=settings.nats_key,
        )
    if settings.nats_seed.get_secret_value():
        public_key(settings)
        found["nkeys_seed_str"] = settings.nats_seed.get_secret_value()
    return found


def public_key(settings: Settings) -> str:
    """Return the key that the servers know the user by, empty without a seed.

    Raises:
        ValueError: the seed is damaged.
    """
    seed = settings.nats_seed.get_secret_value()
    if not seed:
        return ""
    try:
        return UserKey(seed).public
    except ValueError:
        raise ValueError("NATS_NKEY_SEED is damaged, expected a user's seed with its checksum") from None


class SteadyClient(Client):
    """A client whose connection either works or is made anew.

    It reads with the core's parser; not `quick`, with nats-py's own, and what needs the other one is refused.
    """

    def __init__(self, *, quick: bool = True) -> None:
        super().__init__()
        self._bursts: list[bytes] = []
        self._quick = QuickParser(self) if quick else None
        if self._quick is not None:
            self._ps = self._quick  # type: ignore[assignment]

    @property
    def quick(self) -> bool:
        """Whether `watch` and `send_burst` can be called."""
        return self._quick is not None

    def watch(self, subscription: Subscription, tap: Tap) -> bool:
        """Give what a stream's consumer delivers on a subscription to `tap`; return whether it gets it."""
        if self._quick is not None:
            self._quick.watch(subscription._id, tap)
        return self._quick is not None

    def unwatch(self, subscription: Subscription) -> None:
        """End `watch`."""
        if self._quick is not None:
            self._quick.unwatch(subscription._id)

    def listen(self, subscription: Subscription, listener: Listener) -> None:
        """Give subject and payload of what comes on a subscription to `listener`, instead of its callback."""
        if self._quick is not None:
            self._quick.listen(subscription._id, listener)

    def send_burst(self, data: bytes) -> None:
        """Send bytes of the protocol behind what is pending, with what else is sent in the same turn of the loop.

        Raises:
            ConnectionResetError: there is no connection now; nothing will be sent.
        """
        if not self.is_connected or self._transport is None:
            raise ConnectionResetError("not connected")
        if not self._bursts:
            asyncio.get_running_loop().call_soon(self._send_bursts)
        self._bursts.append(data)

    def _send_bursts(self) -> None:
        bursts, self._bursts = self._bursts, []
        if not bursts or not self.is_connected or self._transport is None:
            return  # lost with the connection
        pending, self._pending, self._pending_data_size = self._pending, [], 0
        # A transport that is closed already says RuntimeError (uvloop). It is found out by who reads from it.
        with suppress(RuntimeError, OSError):
            self._transport.writelines([*pending, *bursts])

    async def _process_connect_init(self) -> None:
        await super()._process_connect_init()
        reader = getattr(self._transport, "_io_reader", None)
        if self._quick is not None and reader is not None:
            self._quick.attach(reader)

    async def _process_pong(self) -> None:
        """Take an answer to a ping that was given up.

        Without this it is an InvalidStateError that ends the read loop: connected by all appearance, but deaf for the
        half minute until the server is found to be silent.
        """
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _read_loop(self) -> None:
        """Reconnect when reading ends for whatever reason: nats-py logs other errors and reads no more."""
        await super()._read_loop()
        if self.is_connected:
            await self._process_op_err(UnexpectedEOF())

    async def _flush_pending(self, force_flush: bool = False) -> object:
        """Say of a transport that is closed already what it is: a lost connection. uvloop says RuntimeError."""
        try:
            return await super()._flush_pending(force_flush)
        except RuntimeError as error:
            raise ConnectionResetError(f"connection lost: {error}") from error

    def _connect_command(self) -> bytes:
        """Refuse a server without TLS where TLS was asked for: nats-py goes on in plain text."""
        if "tls" in self.options and not self._server_info.get("tls_required"):
            raise Error("the server offers no TLS, expected it by tls:// or CIFT_NATS_CA")
        return super()._connect_command()

    def _setup_nkeys_connect(self) -> None:
        """Sign with our own reading of the seed: nats-py's needs a library that has no wheel."""
        key = UserKey(str(self._nkeys_seed_str))
        self._public_nkey, self._signature_cb = key.public, key.sign

    def forget_pending(self) -> None:
        """Drop what a lost connection had not sent.

        After the reconnect it would come before the repetition of what was sent and lost: the tail ahead of its head.
        Who needs to be heard waits for an acknowledgement and repeats; subscriptions are replayed from a list.
        """
        self._bursts.clear()
        self._pending.clear()
        self._pending_data_size = 0
