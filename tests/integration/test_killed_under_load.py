"""Processes of a whole stack are killed at random moments while clients place orders, and nothing is lost or doubled.

Clients do what the API's contract says: repeat a request with the same client_order_id until it is answered. What must
hold at the end: an acknowledged order is in the journal once and has one outcome, events and state are those of an
undisturbed run of the journal, and ClickHouse has a row for each fill.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from cift.core.matching import Matcher
from cift.core.messages import Fill, NewOrder
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_command, decode_event
from tests.integration.test_engine import everything
from tests.servers.stack import Service, Stack

CLIENTS = 6
SYMBOLS = ("AAPL", "MSFT")
# A killed service is started again after so long at most; the next one follows so long after all are well.
AWAY_S, BETWEEN_S = 0.3, 0.3
_DEFINITE = (201, 202, 422)


class Client:
    """Places one order after the other; `placed` has each one's id by its client_order_id."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack, self._chance = stack, random.Random(seed)
        self.placed: dict[str, int] = {}
        self.answers: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        async with self._stack.api.client() as http:
            while not stop.is_set():
                name = uuid.uuid4().hex
                self.placed[name] = await self._place(http, name)

    async def _place(self, http: httpx.AsyncClient, name: str) -> int:
        """Repeat one order until its answer is definite."""
        side = self._chance.choice(("buy", "sell"))
        order = {
            "symbol": self._chance.choice(SYMBOLS), "side": side, "order_type": "limit", "client_order_id": name,
            "price": 100.0 + self._chance.randint(-3, 3), "quantity": self._chance.randint(1, 9),
        }  # fmt: skip
        while True:
            try:
                answer = await http.post("/api/v1/orders", json=order)
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
                await asyncio.sleep(0.05)
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.status_code in _DEFINITE:
                return int(answer.json()["order_id"])
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.05)


class Victims:
    """What may be killed, and how it comes back."""

    def __init__(self, stack: Stack, standby: Service, chance: random.Random) -> None:
        self._stack, self._chance = stack, chance
        self.standby = standby
        api = stack.api

        def worker() -> Callable[[], None]:
            number = chance.randrange(api.workers)
            process = api.processes[number]
            process.kill()
            process.wait()
            return lambda: api.launch(number)

        def service(killed: Any) -> Callable[[], Callable[[], None]]:
            def kill() -> Callable[[], None]:
                killed.kill()
                return lambda: killed.start()

            return kill

        self._kinds = {
            "engine": service(stack.engine),
            "standby": service(standby),
            "recorder": service(stack.recorder),
            "nats": service(stack.nats),
            "clickhouse": service(stack.chdb),
            "api": worker,
        }

    async def kill(self) -> str:
        """Kill one, start it again, and wait until all is well."""
        name = self._chance.choice(list(self._kinds))
        back = await asyncio.to_thread(self._kinds[name])
        await asyncio.sleep(self._chance.uniform(0, AWAY_S))
        await asyncio.to_thread(back)
        await self._stack.healthy(120)
        for service in (
            self._stack.engine,
            self.standby,
        ):  # one that found itself deposed ends; systemd starts it again
            if service.process is not None and service.process.poll() is not None:
                service.start()
        return name


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "kills", [pytest.param(6, id="some"), pytest.param(50, id="many", marks=[pytest.mark.slow, pytest.mark.host])]
)
async def test_nothing_is_lost_and_nothing_doubled(trading_stack: Stack, tmp_path: Path, kills: int) -> None:
    stack, chance, stop = trading_stack, random.Random(kills), asyncio.Event()
    standby = Service("engine", tmp_path, stack.engine.environment)
    standby.start()
    clients = [Client(stack, seed) for seed in range(CLIENTS)]
    loads = [asyncio.create_task(client.run(stop)) for client in clients]
    victims, killed, began = Victims(stack, standby, chance), Counter[str](), time.monotonic()
    try:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, BETWEEN_S))
            killed[await victims.kill()] += 1
            for load in loads:
                assert not load.done(), load.result()
        stop.set()
        await asyncio.gather(*loads)
        await _check(stack, standby, clients)
    finally:
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
        await asyncio.to_thread(standby.stop)
        if stack.engine.process is None or stack.engine.process.poll() is not None:
            stack.engine.start()  # for the next test
    answers = sum((client.answers for client in clients), Counter[str]())
    placed = sum(len(client.placed) for client in clients)
    print(f"{kills} kills in {time.monotonic() - began:.0f} s {dict(killed)}; {placed} orders, answers {dict(answers)}")


async def _check(stack: Stack, standby: Service, clients: list[Client]) -> None:
    async with NatsManager(stack.settings) as nats:
        commands = {each.seq: decode_command(each.data) for each in await everything(nats, "ORDERS")}
        matcher, expected = Matcher(), []
        for seq, command in commands.items():
            expected += matcher.apply(seq, command)
        for _ in range(1200):
            if (await nats.js.stream_info("EVENTS")).state.last_seq >= len(expected):
                break
            await asyncio.sleep(0.05)
        events = [decode_event(each.data) for each in await everything(nats, "EVENTS")]
    assert events == expected, "the events are not those of an undisturbed run"
    assert Counter(event.seq for event in events if event.last).most_common(1)[0][1] == 1
    names = Counter(each.client_order_id for each in commands.values() if isinstance(each, NewOrder))
    for client in clients:
        for name, order_id in client.placed.items():
            command = commands[order_id]
            assert isinstance(command, NewOrder)
            assert (command.client_order_id, names[name]) == (name, 1)
    wanted = {(event.seq, event.pos) for event in events if isinstance(event, Fill)}
    await _rows(stack, wanted)
    for engine in (standby, stack.engine):
        await asyncio.to_thread(engine.stop)  # one may be starting still, or find itself deposed: the other one tells
    logs = (standby.log.read_text(), stack.engine.log.read_text())
    states = [re.findall(r"stopped at .* state ([0-9a-f]{16})", log) for log in logs]
    assert f"{matcher.state_hash():016x}" in [state[-1] for state in states if state]


async def _rows(stack: Stack, wanted: set[tuple[int, int]]) -> None:
    """Wait until ClickHouse has a row for each fill; it must have no other."""
    rows: list[tuple[int, int]] = []
    deadline = time.monotonic() + 60
    while len(rows) < len(wanted) and time.monotonic() < deadline:
        with suppress(Exception), stack.chdb.client(stack.settings.clickhouse_db) as client:
            rows = [tuple(row) for row in client.query("SELECT command_seq, pos FROM trade_executions").result_rows]
        await asyncio.sleep(0.1)
    assert len(rows) == len(wanted)
    assert set(rows) == wanted
