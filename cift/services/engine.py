"""The matching engine: reads the journal, publishes what it decides.

It has no state of its own on disk: at start it goes on from the newest snapshot that it can believe, or from the
beginning, decides the rest of the journal again and publishes only what is not on EVENTS yet. The n-th event ever
decided is message n of that stream, so a crash at any moment leaves nothing out and nothing twice. Instruments and
limits enter through the journal as well: what PostgreSQL and the settings say is compared after the replay, and
differences are appended as commands.

Of several engines one has the lease and says what all of them decide; the others stand by, a command behind at most,
and the first of them says what is missing when the lease is free. Where the instruments are shared out among several
shards, each shard has such a lease, engines and a stream of events of its own, and all read the one journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections import deque
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.api import StreamState
from nats.js.errors import NotFoundError

from cift.core.batches import Batches
from cift.core.books import Books
from cift.core.config import Settings
from cift.core.configuring import Configuration, limits_of
from cift.core.database import Database
from cift.core.deciding import Decider
from cift.core.ending import end
from cift.core.engine_memory import EngineMemory
from cift.core.engine_metrics import (
    ACTIVE,
    COMMANDS,
    FILLS,
    LAG,
    POSITION,
    QUEUED,
    UNPROVEN,
)
from cift.core.lease import Lease
from cift.core.matching import Matcher
from cift.core.messages import (
    AnyEvent,
    Fill,
    ServiceStatus,
    SetInstrument,
    status_subject,
)
from cift.core.nats_manager import NatsManager
from cift.core.notify import ready, working
from cift.core.outbox import ForeignWriterError, Outbox, Outgoing
from cift.core.public_trades import PublicTrades
from cift.core.runtime import ServiceError, Standstill, calm_collector, run, watch
from cift.core.said import Decided, event_message, origin_of, trade_message
from cift.core.serialization import decode_event, encode, stream_encoder
from cift.core.shards import Shard
from cift.core.stream_reader import Stored, StreamReader
from cift.core.streams import MARKET_DATA, ORDERS, ShardsError, check_shards

log = logging.getLogger("engine")

METRICS_PORT = 8001
PROGRESS_S = 2.0
# How often one that stands by looks what needs not be said any more.
TRIM_S = 0.5
# It also answers questions, but never before the one that has the lease.
POLITE_S = 0.1


class Engine:
    """One journal, one matcher, two outboxes."""

    def __init__(self, nats: NatsManager, shard: Shard, *, snapshot_every: int) -> None:
        self.nats, self.shard = nats, shard
        self._encode = stream_encoder(nats.settings.stream_format)
        self._drive(Matcher(shard))
        self.reader = StreamReader(nats, ORDERS.name)
        self._memory = EngineMemory(nats, shard, snapshot_every)
        self._last_command = b""
        self._events = Outbox(nats, shard.stream, chained=True)
        self._market = Outbox(nats, MARKET_DATA.name, chained=False)
        self._public = PublicTrades(nats)
        self._books = Books(nats, lambda: self.reader.nudge())
        self._decided = 0
        self._stored = self._looked_at = 0
        self._last_stored: AnyEvent | None = None
        self._trades = 0
        self._saying = False
        self._unsaid: deque[Decided] = deque()
        self._reading: asyncio.Task[list[Stored]] | None = None
        POSITION.set_function(lambda: self.matcher.sequence)
        ACTIVE.set_function(lambda: self._saying)
        QUEUED.set_function(lambda: self.reader.queued)
        LAG.set_function(lambda: self.reader.lag)
        UNPROVEN.labels(shard.stream).set_function(lambda: self._events.unproven)
        UNPROVEN.labels(MARKET_DATA.name).set_function(lambda: self._market.unproven)

    def _drive(self, matcher: Matcher) -> None:
        settings = self.nats.settings
        self._decider = Decider(self.shard, matcher)
        self._batches = Batches(self._decider, settings.stream_format, settings.engine_decider)

    @property
    def matcher(self) -> Matcher:
        """What decides."""
        return self._decider.matcher

    async def serve(self, configuration: Configuration, stop: asyncio.Event) -> None:
        """Replay, take over the configuration, report ready, and decide until `stop`.

        Raises:
            ServiceError: the streams are missing, or journal and events contradict each other.
        """
        target = await self._look()
        self.reader = StreamReader(self.nats, ORDERS.name, start=self.matcher.sequence + 1)
        await self.nats.subscribe(status_subject(self.shard.service), self._answer)
        await self.nats.subscribe(self.shard.usage_subject, self._answer_usage)
        lease = Lease(self.nats, self.shard.service, f"{socket.gethostname()}:{os.getpid()}")
        ending = asyncio.create_task(self._end(stop, lease.lost))
        settled = True
        try:
            async with self.reader:
                await self._decide_up_to(target, stop)
                self._check_journal(stop)
                async with lease:
                    await self._stand_by(lease, stop)
                    if not stop.is_set():
                        await self._begin(configuration, stop)
                    while not stop.is_set() and not lease.lost.is_set():
                        await self._decide(await self._next())
                    if lease.lost.is_set():
                        raise ServiceError("another engine has taken over; this one stands by when it is started again")
                    if self._saying:
                        await self._books.show(self.matcher, now=True)
                        settled = await self._events.close() and await self._market.close()
                        if settled and not self._decider.replaying:
                            await self._memory.close(
                                self.matcher, self._last_command, self._decided, self._events.stored
                            )
        except ForeignWriterError as error:
            raise ServiceError(str(error)) from None
        finally:
            ending.cancel()
            self._books.close()
        log.info("stopped at %s%s", self._where(), "" if settled else "; the rest is published at the next start")

    def has_to_decide(self) -> bool:
        """Return whether commands are here that nothing keeps it from deciding."""
        unproven = self._events.unproven or self._market.unproven
        return self.nats.connected and self.reader.queued > 0 and not unproven

    def _where(self) -> str:
        return f"command {self.matcher.sequence}, event {self._decided}, state {self.matcher.state_hash():016x}"

    async def _end(self, *reasons: asyncio.Event) -> None:
        waiting = [asyncio.create_task(reason.wait()) for reason in reasons]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        self.reader.finish()

    def _check_journal(self, stop: asyncio.Event) -> None:
        if self._decided < self._stored and not stop.is_set():
            raise ServiceError(
                f"stream {self.shard.stream} holds {self._stored} events, but the journal causes {self._decided}: "
                f"{ORDERS.name} lost commands; restore both streams from one backup"
            )

    async def _stand_by(self, lease: Lease, stop: asyncio.Event) -> None:
        """Decide and say nothing until the lease is ours."""
        ready(f"standing by at {self.matcher.sequence}")
        log.info("standing by at %s", self._where())
        taking, stopped = asyncio.create_task(lease.acquired()), asyncio.create_task(stop.wait())
        trimmed = time.monotonic()
        try:
            while not taking.done() and not stop.is_set():
                if self._reading is None:
                    self._reading = asyncio.create_task(self.reader.next())
                await asyncio.wait(
                    {self._reading, taking, stopped}, timeout=TRIM_S, return_when=asyncio.FIRST_COMPLETED
                )
                if self._reading.done():
                    await self._decide(await self._next())
                if time.monotonic() - trimmed >= TRIM_S:  # also while the journal never rests
                    await self._trim()
                    trimmed = time.monotonic()
        finally:
            await end(taking, stopped)

    async def _trim(self) -> None:
        """Forget what another engine has said."""
        if self._unsaid and self.nats.connected:
            with suppress(Error, TimeoutError):
                said = (await self._state(self.shard.stream)).last_seq
                while self._unsaid and self._unsaid[0].number <= said:
                    self._unsaid.popleft()

    async def _begin(self, configuration: Configuration, stop: asyncio.Event) -> None:
        """Say what is decided and not said yet, take over the configuration, and report ready."""
        self._stored = (await self._state(self.shard.stream)).last_seq  # before ORDERS, as in `_look`
        await self._decide_up_to((await self._state(ORDERS.name)).last_seq, stop)
        self._check_journal(stop)
        if stop.is_set():
            return
        await self._events.open()
        await self._market.open()
        self._saying = True
        unsaid = [each for each in self._unsaid if each.number > self._stored or each.number <= self._looked_at]
        self._unsaid.clear()
        await self._say(unsaid)
        self._decider.replaying = False
        await self._decide_up_to(await configuration.append(self.nats, self.matcher), stop)
        if not stop.is_set():
            configuration.check(self.matcher)
        if self._books.ts:  # an earlier run may not have come to it
            await self._books.show(self.matcher, now=True)
        calm_collector()
        ready(f"deciding from {self.matcher.sequence + 1}")
        log.info("ready at %s", self._where())

    async def _next(self, limit: int = 256) -> list[Stored]:
        if self._reading is None:
            return await self.reader.next(limit)
        reading, self._reading = self._reading, None
        return await reading

    async def _answer(self, message: Msg) -> None:
        detail = "" if self._saying else "replaying"
        if not self._saying:
            await asyncio.sleep(POLITE_S)
        status = ServiceStatus(
            service=str(self.shard), position=self.matcher.sequence, lag=self.reader.lag, detail=detail
        )
        await message.respond(encode(status))

    async def _answer_usage(self, message: Msg) -> None:
        """Tell how much of its limits an account uses; who only follows the journal leaves it to who decides."""
        if self._saying and message.data.isdigit():
            await message.respond(encode(self.matcher.usage(int(message.data[:19]))))

    async def _look(self) -> int:
        """Find out what is already said, and what is remembered; return the journal's last sequence."""
        try:
            if others := await check_shards(self.nats.js, self.shard.count):
                raise ServiceError(f"{', '.join(others)}: of another number of shards; run `cift schema apply`")
            events = await self._state(self.shard.stream)  # before ORDERS: it may only be behind it
            orders = await self._state(ORDERS.name)
        except NotFoundError:
            raise ServiceError(
                f"stream {ORDERS.name} or {self.shard.stream} does not exist: run `cift schema apply`"
            ) from None
        except ShardsError as error:
            raise ServiceError(str(error)) from None
        self._stored = self._looked_at = events.last_seq
        matcher, self._decided = await self._memory.recall(orders.last_seq, events.last_seq)
        self._drive(matcher)
        if orders.first_seq > self.matcher.sequence + 1:
            raise ServiceError(
                f"stream {ORDERS.name} begins at {orders.first_seq}: the engine needs the journal from its first "
                "command, or from a snapshot; restore it from a backup"
            )
        if events.messages:
            last = await self.nats.js.get_msg(self.shard.stream, self._stored)
            self._last_stored = decode_event(last.data or b"")
        log.info("journal: %d commands, %d events already published", orders.last_seq, self._stored)
        return int(orders.last_seq)

    async def _state(self, stream: str) -> StreamState:
        return (await self.nats.js.stream_info(stream)).state

    async def _decide_up_to(self, target: int, stop: asyncio.Event) -> None:
        told = time.monotonic()
        while self.matcher.sequence < target and not stop.is_set():
            await self._decide(await self._next(1024))
            if time.monotonic() - told > PROGRESS_S:
                told = time.monotonic()
                working(f"replaying {self.matcher.sequence} of {target}")
                log.info("replaying: %d of %d commands", self.matcher.sequence, target)

    async def _decide(self, batch: list[Stored]) -> None:
        await (self._decide_again(batch) if self._decider.replaying else self._decide_and_say(batch))

    async def _decide_again(self, batch: list[Stored]) -> None:
        """Decide what may have been decided and said before, by ourselves or another one."""
        decided: list[Decided] = []
        for stored in self._decider.new(batch):
            for event in self._decider.decide(stored):
                self._decided += 1
                self._books.ts = event.ts
                stored_too = self._decided <= self._stored
                trade = isinstance(event, Fill) and not await self._public.has(event, stored=stored_too)
                decided.append(Decided(self._decided, event, trade, origin_of(stored)))
                if self._decided == self._looked_at and event != self._last_stored:
                    raise ServiceError(
                        f"stream {self.shard.stream} says at {self._stored}: {self._last_stored}; this release decides "
                        f"{event}: it must not continue another release's journal"
                    )
        if self._saying:
            await self._say(decided)
        else:
            self._unsaid.extend(each for each in decided if each.number > self._looked_at or each.trade)
        if batch:
            self._last_command = batch[-1].data

    async def _decide_and_say(self, batch: list[Stored]) -> None:
        said = self._batches.decide(batch, self._decided, self._trades)
        self._decided, self._trades = said.number, said.traded
        if said.ts is not None:
            self._books.ts = said.ts
        await self._send(said.events, said.trades)
        await self._books.show(self.matcher)
        if batch:
            self._last_command = batch[-1].data
            COMMANDS.inc(said.commands)
            FILLS.inc(len(said.trades))
            if self._memory.due(self.matcher.sequence):
                self._memory.take(self.matcher, self._last_command, self._decided, self._events.stored)

    async def _say(self, decided: list[Decided]) -> None:
        trades: list[Outgoing] = []
        for each in decided:
            if each.trade and isinstance(each.event, Fill):
                self._trades += 1
                trades.append(trade_message(self._encode, self._trades, each.event))
        unsaid = [
            event_message(self._encode, self.shard, each.number, each.event, each.origin)
            for each in decided
            if each.number > self._stored
        ]
        await self._send(unsaid, trades)

    async def _send(self, events: list[Outgoing], trades: list[Outgoing]) -> None:
        # Trades first: whatever EVENTS holds, the server had read its trade before.
        if trades:
            await self._market.send(trades)
        if events:
            await self._events.send(events)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Read the instruments, connect, and serve until `stop`."""
    async with Database.from_settings(settings) as database:
        instruments = [
            SetInstrument(symbol=each.symbol, ts=0, user_id=0, tick_size=each.tick_size, lot_size=each.lot_size)
            for each in await database.instruments()
            if each.state == "active"
        ]
    async with NatsManager(settings, name="cift-engine") as nats:
        engine = Engine(nats, settings.shard, snapshot_every=settings.engine_snapshot_every)
        watch(Standstill(lambda: engine.matcher.sequence, engine.has_to_decide))
        await engine.serve(Configuration(instruments, limits_of(settings)), stop)


if __name__ == "__main__":
    sys.exit(run("engine", "The matching engine: journal in, events out.", METRICS_PORT, work))
