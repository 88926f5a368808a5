"""The journal as the API sees it: append a command, read one back, find what the engine decided about it."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from cift.api.admission import Admission
from cift.api.audit import COMMANDS
from cift.api.outcomes import Outcomes
from cift.api.problems import Problem, unavailable
from cift.core import tracing
from cift.core.correlation import current, origin
from cift.core.messages import AnyCommand, AnyEvent, RiskCommand, SessionCommand, UserCommand
from cift.core.nats_manager import NatsManager, NatsUnavailableError
from cift.core.serialization import decode_command, decode_event
from cift.core.shards import home
from cift.core.streams import ORDERS

log = logging.getLogger(__name__)

ACK_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a command stands in the journal; `duplicate` when an earlier request already put it there.

    `place` is its symbol, or what stands in a symbol's place.
    """

    seq: int
    place: str
    duplicate: bool


def _unreachable(consequence: str) -> Problem:
    return unavailable("The order journal", f"No answer from NATS; {consequence}")


class Journal:
    """ORDERS, and the streams of all shards' events, behind one NATS connection."""

    def __init__(self, nats: NatsManager, outcomes: Outcomes, admission: Admission, shards: int) -> None:
        self._nats = nats
        self._outcomes = outcomes
        self._admission = admission
        self._shards = shards

    async def append(
        self, command: UserCommand | RiskCommand | SessionCommand, *, msg_id: str | None = None
    ) -> Receipt:
        """Store `command` and return where; 503 when there is no room for it, or NATS is away, full or too slow."""
        self._admission.check(command)
        with self._admission.waiting(command.symbol):
            return await self._append(command, msg_id)

    async def _append(self, command: UserCommand | RiskCommand | SessionCommand, msg_id: str | None) -> Receipt:
        try:
            with tracing.span("publish orders", "producer", {"cift.symbol": command.symbol}):
                ack = await self._nats.publish_acked(
                    f"orders.{command.symbol}",
                    command,
                    msg_id=msg_id,
                    timeout_s=ACK_TIMEOUT_S,
                    headers=origin(current().correlation, tracing.traceparent()),
                )
        except NatsUnavailableError:
            raise _unreachable("nothing was placed") from None
        except NoStreamResponseError:
            detail = f"Stream {ORDERS.name} does not exist; run `cift schema apply`. Nothing was placed"
            raise unavailable("The order journal", detail) from None
        except APIError as error:
            detail = f"The journal refused the command ({error.description}); nothing was placed"
            raise unavailable("The order journal", detail, code="journal_refused") from None
        except NatsError:
            log.warning("%s: the journal did not confirm it in time", command.symbol, extra={"symbol": command.symbol})
            detail = "The journal did not confirm in time: the command may or may not have been placed. " + (
                "Repeat it with the same client_order_id" if msg_id else "Ask for its state before you repeat it"
            )
            raise unavailable("The order journal", detail, code="unconfirmed") from None
        if (commands := COMMANDS.get()) is not None:
            commands.append(ack.seq)
        if log.isEnabledFor(logging.DEBUG):
            about = {"seq": ack.seq, "symbol": command.symbol}
            log.debug("command %d: %s", ack.seq, "there already" if ack.duplicate else "in the journal", extra=about)
        return Receipt(ack.seq, command.symbol, bool(ack.duplicate))

    async def read(self, seq: int) -> AnyCommand | None:
        """Return the command at `seq`, None when the journal has none there."""
        message = await self._get(ORDERS.name, seq)
        return None if message is None or message.data is None else decode_command(message.data)

    async def last_command(self, subject: str) -> AnyCommand | None:
        """Return the newest command with that subject."""
        message = await self._get(ORDERS.name, subject=subject)
        return None if message is None or message.data is None else decode_command(message.data)

    async def last_event(self, symbol: str) -> AnyEvent | None:
        """Return the newest event of a symbol, or of what stands in its place."""
        shard = home(symbol, self._shards)
        message = await self._get(shard.stream, subject=shard.event_subject(symbol))
        return None if message is None or message.data is None else decode_event(message.data)

    async def outcome(self, receipt: Receipt, timeout_s: float) -> list[AnyEvent] | None:
        """Return what the engine decided, None when that is not known within `timeout_s` seconds.

        Events that passed before this worker listened (a repeated command) or while its connection was away are looked
        up in their stream. The command is in the journal: failing to learn its outcome is no error of the request.
        """
        with self._admission.waiting(receipt.place):
            return await self._outcome(receipt, timeout_s)

    async def _outcome(self, receipt: Receipt, timeout_s: float) -> list[AnyEvent] | None:
        events = None if receipt.duplicate else await self._outcomes.wait(receipt.seq, timeout_s)
        if events is None:
            try:
                events = await self.find_outcome(receipt.seq, receipt.place)
            except Problem:
                return None
        if events is None and receipt.duplicate:
            events = await self._outcomes.wait(receipt.seq, timeout_s)
        return events

    async def find_outcome(self, seq: int, place: str) -> list[AnyEvent] | None:
        """Return the events of command `seq` at `place` from their stream, None when not there or not whole yet.

        Events lie in the order of their commands, so that a binary search finds them: some twenty reads of a message in
        a stream of a million.
        """
        stream = home(place, self._shards).stream
        try:
            state = (await self._nats.js.stream_info(stream)).state
        except NotFoundError:
            return None
        except (NatsError, NatsUnavailableError):
            raise _unreachable("try again") from None
        low, high = max(state.first_seq, 1), state.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            event = await self._event(stream, middle)
            if event is not None and event.seq < seq:
                low = middle + 1
            else:
                high = middle
        found: list[AnyEvent] = []
        while (event := await self._event(stream, low)) is not None and event.seq == seq:
            found.append(event)
            if event.last:
                return found
            low += 1
        return None

    async def _event(self, stream: str, position: int) -> AnyEvent | None:
        message = await self._get(stream, position)
        return None if message is None or message.data is None else decode_event(message.data)

    async def _get(self, stream: str, seq: int | None = None, subject: str | None = None) -> RawStreamMsg | None:
        """Ask any server that has a copy; what it lacks it may not have got yet, and then the stream's leader knows."""
        try:
            with suppress(NotFoundError):
                return await self._nats.js.get_msg(stream, seq, subject, direct=True)
            return await self._nats.js.get_msg(stream, seq, subject)
        except NotFoundError:
            return None
        except (NatsError, NatsUnavailableError):
            raise _unreachable("try again") from None
