"""Three engines that share the instruments, on a whole stack: what clients see is what one engine would say."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cift.api.health import FRESH_S
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.deciding import Decider
from cift.core.matching import Matcher
from cift.core.messages import AnyEvent, Fill, Rejected, SetRisk
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_command, decode_event, decode_status
from cift.core.shards import WHOLE, all_shards, shard_of
from cift.core.stream_reader import Stored
from cift.core.streams import ShardsError
from cift.ops.schema import apply_all
from tests.integration.test_engine import everything
from tests.property.recording import of_events
from tests.servers.api import OTHER_KEY, RISK_KEY
from tests.servers.chdb import ChdbServer
from tests.servers.live import dial, hear, subscribe
from tests.servers.postgres import PostgresServer
from tests.servers.stack import Service, Stack, running_stack

SHARDS = all_shards(3)
SYMBOLS = ("AAPL", "TSLA", "MSFT", "NVDA", "AMZN", "META", "GOOG")
ONE_EACH = ("AAPL", "MSFT", "GOOG")
ORDERS = "/api/v1/orders"
RISK = "/api/v1/risk"


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, chdb_server: ChdbServer, postgres_cluster: PostgresServer
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("shards")
    with running_stack(folder, chdb_server, postgres_cluster, shards=len(SHARDS)) as running:
        yield running


@pytest.fixture
async def nats(stack: Stack) -> AsyncIterator[NatsManager]:
    async with NatsManager(stack.settings) as manager:
        yield manager


@pytest.fixture
async def trader(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with stack.api.client() as client:
        yield client


@pytest.fixture
async def other(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with stack.api.client(OTHER_KEY) as client:
        yield client


@pytest.fixture
async def officer(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with stack.api.client(RISK_KEY) as client:
        yield client


def order(symbol: str, side: str = "buy", quantity: float = 1, price: float = 100.0, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "quantity": quantity, "price": price, "order_type": "limit", **more}


async def place(client: httpx.AsyncClient, *args: Any, **more: Any) -> dict[str, Any]:
    answer = await client.post(ORDERS, json=order(*args, **more))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def code(client: httpx.AsyncClient, *args: Any, **more: Any) -> str:
    answer = await client.post(ORDERS, json=order(*args, **more))
    return "placed" if answer.status_code == 201 else str(answer.json()["code"])


async def put(
    officer: httpx.AsyncClient, path: str, query: dict[str, Any] | None = None, **body: Any
) -> httpx.Response:
    return await officer.put(path, params=query, json=body)


async def streams(nats: NatsManager) -> list[list[AnyEvent]]:
    """Return all events of each shard."""
    return [[decode_event(each.data) for each in await everything(nats, shard.stream)] for shard in SHARDS]


async def undisturbed(nats: NatsManager) -> tuple[list[list[AnyEvent]], list[str]]:
    """Return what each shard says of the journal in a run that nothing disturbs, and its state."""
    journal, events, states = await everything(nats, "ORDERS"), [], []
    for shard in SHARDS:
        of = Decider(shard, Matcher(shard))
        events.append([event for stored in of.new(journal) for event in of.decide(stored)])
        states.append(f"{of.matcher.state_hash():016x}")
    return events, states


async def caught_up(nats: NatsManager) -> None:
    """Return when every engine has decided the whole journal."""
    last = (await nats.js.stream_info("ORDERS")).state.last_seq
    for shard in SHARDS:
        for _ in range(1500):
            if decode_status(await nats.request(f"status.{shard.service}")).position >= last:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"{shard} has not decided command {last}")


def by_one(journal: list[Stored]) -> list[AnyEvent]:
    """Return what one engine says of a journal, without what several refuse to count."""
    of, told = Decider(WHOLE, Matcher()), []
    for stored in journal:
        command = decode_command(stored.data)
        if not (isinstance(command, SetRisk) and command.setting in ("max_open_orders", "cash")):
            told += of.decide(stored)
    return told


async def test_orders_of_all_symbols_are_decided_as_by_one(
    stack: Stack, nats: NatsManager, trader: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    for symbol in SYMBOLS:
        await place(trader, symbol, "sell", 5)
        filled = await place(other, symbol, "buy", 3)
        assert (filled["status"], filled["filled_quantity"]) == ("filled", 3), filled
        resting = await place(trader, symbol, "buy", 1, 90.0)
        assert (await trader.delete(f"{ORDERS}/{resting['order_id']}")).status_code == 200
        read = (await trader.get(f"{ORDERS}/{resting['order_id']}")).json()
        assert read["status"] == "accepted", "what was decided when it arrived"
    await caught_up(nats)
    for shard, events in zip(SHARDS, await streams(nats), strict=True):
        assert {event.symbol for event in events} == {each for each in SYMBOLS if shard.owns(each)}
    health = (await trader.get("/health")).json()["dependencies"]["engine"]
    assert (health["state"], health["lag"]) == ("up", 0)
    usage = (await other.get(f"{RISK}/usage")).json()
    assert {each["symbol"]: each["position"] for each in usage["symbols"]} == dict.fromkeys(SYMBOLS, 3.0)


async def test_a_repeated_order_is_found_in_its_stream(trader: httpx.AsyncClient) -> None:
    for symbol in SYMBOLS:
        body = order(symbol, price=50.0, client_order_id=f"again-{symbol}")
        first, again = [await trader.post(ORDERS, json=body) for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()


async def test_what_staff_decide_holds_for_every_shard_at_once(
    nats: NatsManager, trader: httpx.AsyncClient, other: httpx.AsyncClient, officer: httpx.AsyncClient
) -> None:
    for state, wanted in (("halted", "kill_switch"), ("active", "placed")):
        assert (await put(officer, f"{RISK}/accounts/2/state", state=state)).status_code == 200
        answers = await asyncio.gather(*(code(other, symbol, price=50.0) for symbol in SYMBOLS))
        assert answers == [wanted] * len(SYMBOLS)
        assert {await code(trader, symbol, price=50.0) for symbol in ONE_EACH} == {"placed"}
    assert (await put(officer, f"{RISK}/symbols/GOOG/state", state="halted")).status_code == 200
    assert [await code(trader, symbol, price=50.0) for symbol in ONE_EACH] == ["placed", "placed", "kill_switch"]
    assert (await trader.get(f"{RISK}/symbols/GOOG/state")).json()["state"] == "halted"
    assert (await put(officer, f"{RISK}/symbols/GOOG/state", state="active")).status_code == 200
    assert (await put(officer, f"{RISK}/accounts/2/limits", max_position=20.0)).status_code == 200
    assert (await other.get(RISK)).json()["limits"]["max_position"] == 20.0
    assert {await code(other, symbol, quantity=30) for symbol in SYMBOLS} == {"max_position_size"}
    assert (await put(officer, f"{RISK}/accounts/2/limits")).status_code == 200


async def test_limits_of_an_instrument_hold_and_those_over_all_of_them_are_refused(
    trader: httpx.AsyncClient, officer: httpx.AsyncClient
) -> None:
    path, query = f"{RISK}/limits/max_quantity", {"account_id": 1, "symbol": "MSFT"}
    assert (await put(officer, path, query, value=2.0)).status_code == 200
    assert (await officer.get(path, params=query)).json()["value"] == 2.0
    answers = [await code(trader, symbol, quantity=3, price=50.0) for symbol in ONE_EACH]
    assert answers == ["placed", "max_quantity", "placed"]
    assert (await officer.delete(path, params=query)).status_code == 200
    path = f"{RISK}/limits/max_open_orders"
    for refused in (
        await put(officer, path, {"account_id": 1}, value=5.0),
        await put(officer, f"{RISK}/accounts/1/cash", amount=5.0),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "sharded"), refused.text
        assert "for each instrument, or run one engine" in refused.json()["detail"]
    assert (await officer.get(path, params={"account_id": 1})).json()["value"] is None
    usage = (await trader.get(f"{RISK}/usage")).json()
    assert usage["counted"]
    assert usage["open_orders"] > len(SYMBOLS)


async def test_the_day_of_an_instrument_is_its_shard_s(
    trader: httpx.AsyncClient, other: httpx.AsyncClient, officer: httpx.AsyncClient
) -> None:
    for symbol in ONE_EACH:
        where = f"/api/v1/instruments/{symbol}"
        assert (await put(officer, f"{where}/session", phase="opening_auction")).status_code == 200
        await place(trader, symbol, "sell", 2, 60.0)
        assert (await place(other, symbol, "buy", 2, 61.0))["status"] == "accepted"
        assert (await trader.get(f"{where}/session")).json()["phase"] == "opening_auction"
        uncrossed = (await officer.post(f"{where}/uncross", json={})).json()
        assert (uncrossed["status"], uncrossed["phase"], uncrossed["volume"]) == ("uncrossed", "continuous", 2.0)
        assert (await trader.get(f"{where}/session")).json()["phase"] == "continuous"


async def test_an_account_s_own_orders_are_told_from_all_shards(stack: Stack, trader: httpx.AsyncClient) -> None:
    async with dial(stack.api) as reader:
        number = (await subscribe(reader, "orders"))["number"]
        placed = [(symbol, (await place(trader, symbol, price=40.0))["order_id"]) for symbol in SYMBOLS]
        told = [await hear(reader) for _ in placed]
    assert [each["number"] for each in told] == list(range(number + 1, number + 1 + len(placed)))
    assert sorted((each["event"]["symbol"], each["event"]["order_id"]) for each in told) == sorted(placed)


class Load:
    """Places orders; `answered` has when each had its outcome, by shard, and `pending` those that had none in time."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack, self._chance = stack, random.Random(seed)
        self.answered: dict[int, list[float]] = defaultdict(list)
        self.pending: dict[int, int] = {}

    async def run(self, symbol: str, stop: asyncio.Event, key: str) -> None:
        async with self._stack.api.client(key) as client:
            while not stop.is_set():
                side, price = self._chance.choice(("buy", "sell")), 100.0 + self._chance.randint(-3, 3)
                answer = await client.post(ORDERS, json=order(symbol, side, self._chance.randint(1, 9), price))
                assert answer.status_code in (201, 202, 422), answer.text
                shard = shard_of(symbol, len(SHARDS))
                if answer.status_code == 202:
                    self.pending[answer.json()["order_id"]] = shard
                else:
                    self.answered[shard].append(time.monotonic())


async def test_one_shard_s_engine_is_killed_and_the_others_never_stop(
    stack: Stack, nats: NatsManager, trader: httpx.AsyncClient, tmp_path: Path
) -> None:
    killed = stack.engines[1]
    standby = Service("engine", tmp_path, killed.environment)
    standby.start()
    try:
        async with asyncio.timeout(30):
            while "standing by" not in standby.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        load, stop = Load(stack, 1), asyncio.Event()
        keys = (stack.api.client().headers["Authorization"].split()[1], OTHER_KEY)
        running = [asyncio.create_task(load.run(symbol, stop, key)) for symbol in SYMBOLS for key in keys]
        await asyncio.sleep(1.0)
        await asyncio.to_thread(killed.kill)
        at = time.monotonic()
        async with asyncio.timeout(30):
            while " ready" not in standby.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        gap = time.monotonic() - at
        await asyncio.to_thread(stack.recorder.kill)
        stack.recorder.start()
        await asyncio.sleep(1.0)
        stop.set()
        await asyncio.gather(*running)
        await caught_up(nats)
        during = {shard: sum(at < each < at + gap for each in times) for shard, times in load.answered.items()}
        print(f"taken over after {gap:.2f} s; answers by shard meanwhile: {during}")
        assert min(during[0], during[2]) > during[1]
        assert set(load.pending.values()) <= {1}
        for order_id in load.pending:
            read = await trader.get(f"{ORDERS}/{order_id}")
            assert read.json()["status"] != "pending", "it was acknowledged and has no outcome"
        events, _ = await undisturbed(nats)
        assert await streams(nats) == events
    finally:
        standby.stop()
        if killed.process is not None and killed.process.poll() is not None:
            killed.start()
    await stack.healthy()


async def test_all_streams_together_are_what_one_engine_would_have_said(nats: NatsManager) -> None:
    await caught_up(nats)
    told = [event for of in await streams(nats) for event in of]
    told = [event for event in told if not (isinstance(event, Rejected) and event.code == "sharded")]
    assert sorted(told, key=lambda event: (event.seq, event.pos)) == by_one(await everything(nats, "ORDERS"))
    trades = await everything(nats, "MARKET_DATA", "market.trades.>")
    assert len(trades) == sum(isinstance(event, Fill) for event in told)


async def test_the_tables_have_a_row_for_each_event_of_every_stream(stack: Stack, nats: NatsManager) -> None:
    await stack.healthy()
    await caught_up(nats)
    wanted: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for shard in SHARDS:
        rows, _, left_out = of_events(await everything(nats, shard.stream))
        assert not left_out
        for table, columns in TABLES.items():
            wanted[table] += [
                (shard.numbers[row["stream_seq"]], *(row[each] for each in columns)) for row in rows[table]
            ]
    async with ClickHouseManager(stack.settings) as clickhouse, asyncio.timeout(60):
        for table, columns in TABLES.items():
            names = ", ".join(columns)
            while True:
                found = await clickhouse.query(f"SELECT stream_seq, {names} FROM {NAMES[table]} ORDER BY ALL")
                if len(found) >= len(wanted[table]):
                    break
                await asyncio.sleep(0.1)
            assert sorted(found.rows()) == sorted(wanted[table]), table
        last = await clickhouse.get_last_positions()
    matchers = [Matcher(shard) for shard in SHARDS]
    for shard, matcher in zip(SHARDS, matchers, strict=True):
        of = Decider(shard, matcher)
        for stored in of.new(await everything(nats, "ORDERS")):
            of.decide(stored)
    held = {(row["account_id"], row["symbol"]): row["quantity"] for row in last.to_dicts()}
    assert set(held) == {(account, symbol) for account in (1, 2) for symbol in SYMBOLS}
    for (account, symbol), quantity in held.items():
        assert matchers[shard_of(symbol, len(SHARDS))].position(account, symbol) == quantity


TABLES = {
    "executions": ("command_seq", "pos", "price", "quantity", "taker_user_id", "maker_user_id"),
    "orders": ("command_seq", "pos", "account_id", "order_id", "quantity"),
    "positions": ("account_id", "quantity", "average_price"),
}
NAMES = {
    "executions": "trade_executions",
    "orders": "order_events",
    "positions": "position_history_analytics",
}


async def test_fills_of_all_shards_come_newest_first(trader: httpx.AsyncClient) -> None:
    cursor, seen = "", []
    while True:
        page = (await trader.get("/api/v1/fills", params={"limit": 7} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [(each["seq"], each["pos"], each["order_id"]) for each in page["fills"]]
        if not (cursor := page["next"]):
            break
        if len(seen) > 60:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) > 2 * len(SYMBOLS)


async def test_an_engine_that_is_gone_is_named(stack: Stack, trader: httpx.AsyncClient) -> None:
    engine = stack.engines[2]
    assert await asyncio.to_thread(engine.stop) == 0, engine.log.read_text()
    await asyncio.sleep(FRESH_S)
    try:
        answer = await trader.get("/health")
        assert answer.status_code == 503
        state = answer.json()["dependencies"]["engine"]
        assert (state["state"], state["reason"]) == ("down", "shard 2: does not answer")
        assert await code(trader, "AAPL", price=30.0) == "placed"
    finally:
        engine.start()
    await stack.healthy()


async def test_another_number_of_shards_is_not_applied(stack: Stack) -> None:
    settings = stack.settings.model_copy(update={"engine_shards": 2})
    with pytest.raises(ShardsError, match=r"events of 3 shards found, CIFT_ENGINE_SHARDS is 2; .* set it to 3"):
        await apply_all(settings, lambda _: None)
    assert await apply_all(stack.settings, lambda _: None) == []
