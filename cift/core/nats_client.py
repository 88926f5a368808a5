"""nats-py's client, mended where it would stay deaf, or speak out of turn, for want of a reconnect.

Found with nats-py 2.16 on a loaded machine; each method below says what happens without it.
"""

from __future__ import annotations

import asyncio

from nats.aio.client import Client
from nats.errors import UnexpectedEOF


class SteadyClient(Client):
    """A client whose connection either works or is made anew."""

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

    def forget_pending(self) -> None:
        """Drop what a lost connection had not sent.

        After the reconnect it would come before the repetition of what was sent and lost: the tail ahead of its head.
        Who needs to be heard waits for an acknowledgement and repeats; subscriptions are replayed from a list.
        """
        self._pending.clear()
        self._pending_data_size = 0
