"""A command with more fills than two bytes count: every one is stored once, and found in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from cift_core.recording import Positions, record_events, record_trades

from cift.core.clickhouse import rows as schemas
from cift.core.clickhouse.bars import Query
from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.clickhouse.orders import fills_query
from cift.core.clickhouse.trades import trades_query
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.messages import Fill, Trade
from cift.core.migrations import load_migrations, migrate
from cift.core.recording.columns import to_table
from cift.core.serialization import encode, encode_framed
from tests.property.recording import stored
from tests.servers.chdb import ChdbServer

MANY = range(1, 70_001)
SEQ = 9
# Recent, because a TTL drops what is too old, and a whole minute, so that one bar has all.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
NOON_NS = int(NOON.timestamp()) * 10**9
MINUTE = timedelta(minutes=1)
TAKER, MAKER = 1, 7


@pytest.fixture
def settings(chdb_server: ChdbServer, clickhouse_database: str) -> Settings:
    return Settings.model_validate({**chdb_server.environment, "CLICKHOUSE_DB": clickhouse_database})


async def apply(settings: Settings, last: int | None = None) -> None:
    async with ClickHouseMigrations(settings) as executor:
        await migrate(executor, load_migrations("clickhouse")[:last])


@pytest.fixture
async def ch(settings: Settings) -> AsyncIterator[ClickHouseManager]:
    await apply(settings)
    async with ClickHouseManager(settings) as manager:
        yield manager


def common(pos: int) -> dict[str, Any]:
    """Each fill at another price, so that the first and the last one can be told."""
    return {
        "symbol": "AAPL", "ts": NOON_NS, "seq": SEQ, "pos": pos, "side": "buy", "price": float(pos), "quantity": 2.0,
    }  # fmt: skip


def recorded(write: Callable[[Any], bytes] = encode_framed) -> dict[str, pa.Table]:
    """The recorder's tables of one command's fills and trades."""
    owners = {"user_id": TAKER, "order_id": SEQ, "maker_user_id": MAKER}
    fills = [Fill(**common(pos), **owners, maker_order_id=10 + pos) for pos in MANY]
    executions, orders, _, _, left_out = record_events(stored(fills, 1, write), Positions(0.0), 0)
    ticks, unknown = record_trades(stored([Trade(**common(pos)) for pos in MANY], 1, write))
    assert (left_out, unknown) == ([], [])
    return {
        "trade_executions": to_table(executions, schemas.EXECUTIONS),
        "order_events": to_table(orders, schemas.ORDER_EVENTS),
        "ticks_analytics": to_table(ticks, schemas.TICKS),
    }


@pytest.mark.parametrize("write", [encode, encode_framed])
async def test_each_fill_is_stored_once_whatever_is_replayed(
    ch: ClickHouseManager, write: Callable[[Any], bytes]
) -> None:
    executions = recorded(write)["trade_executions"]
    for attempt in range(2):
        assert await ch.insert("trade_executions", executions, token=f"replay {attempt}") == len(MANY)
    assert await ch.command("SELECT count() FROM trade_executions FINAL") == len(MANY)
    found = await ch.get_executions("AAPL", NOON, NOON + MINUTE)
    assert found["pos"].to_list() == list(MANY)
    assert found["price"].to_list() == [float(pos) for pos in MANY]
    assert found.columns[:4] == ["stream_seq", "command_seq", "pos", "ts"]
    await ch.command("OPTIMIZE TABLE trade_executions FINAL")
    assert await ch.command("SELECT count() FROM trade_executions") == len(MANY)


async def pages(ch: ClickHouseManager, ask: Callable[[list[int]], Query], first: list[int], *cursor: str) -> list[int]:
    """Every position that pages give, one after the other as the API's clients turn them."""
    found: list[int] = []
    place = first
    while True:
        query = ask(place)
        page = await ch.query(query.sql, query.params)
        found += page["pos"].to_list()
        if page.height < int(query.params["limit"]):
            return found
        place = [page[name][-1] for name in cursor]


@pytest.mark.parametrize("limit", [500, 65_536])
async def test_pages_of_trades_give_each_once_in_order(ch: ClickHouseManager, limit: int) -> None:
    await ch.insert("ticks_analytics", recorded()["ticks_analytics"])
    newest = [2**63 - 1, 0, 0]
    found = await pages(
        ch, lambda place: trades_query("AAPL", before=(place[0], place[1], place[2]), limit=limit), newest,
        "ts", "seq", "pos",
    )  # fmt: skip
    assert found == list(reversed(MANY))
    ticks = await ch.get_ticks("AAPL", NOON, NOON + MINUTE)
    assert ticks["pos"].to_list() == list(MANY)
    assert "pos_high" not in ticks.columns


@pytest.mark.parametrize("account", [TAKER, MAKER])
async def test_pages_of_fills_give_each_once_in_order(ch: ClickHouseManager, account: int) -> None:
    await ch.insert("order_events", recorded()["order_events"])
    newest = [2**63 - 1, 0, 0]
    found = await pages(
        ch, lambda place: fills_query(account, before=(place[0], place[1], place[2]), limit=5_000), newest,
        "command_seq", "pos", "order_id",
    )  # fmt: skip
    assert found == list(reversed(MANY))


async def test_bars_begin_and_end_with_the_first_and_the_last_of_them(ch: ClickHouseManager) -> None:
    ticks = recorded()["ticks_analytics"]
    # In pieces, the last one first: the states of a minute merge by the places of its trades.
    for begin in (60_000, 30_000, 0):
        await ch.insert("ticks_analytics", ticks.slice(begin, 30_000 if begin < 60_000 else None))
    for interval in ("1m", "30s"):
        bars = await ch.get_bars("AAPL", interval, NOON, NOON + MINUTE)
        assert bars.select("open", "close", "trades").rows() == [(1.0, 70_000.0, 70_000)]


async def test_rows_of_before_and_of_an_older_release_keep_their_places(settings: Settings) -> None:
    """A database with rows is brought to this schema, as after an older backup; then that release runs once more."""
    await apply(settings, 6)
    tables = {name: table.slice(0, 3) for name, table in recorded().items() if name != "order_events"}

    async def as_before(ch: ClickHouseManager, seq: int) -> None:
        for name, table in tables.items():
            older = table.drop_columns("pos_high")
            column = "seq" if name == "ticks_analytics" else "command_seq"
            at = older.column_names.index(column)
            await ch.insert(name, older.set_column(at, column, pa.array([seq] * 3, pa.uint64())))

    async with ClickHouseManager(settings) as ch:
        await as_before(ch, 5)
        await apply(settings)
        await ch.command("TRUNCATE TABLE schema_migrations")
        await apply(settings)  # all of it once more, as where a host is added
        for name, table in recorded().items():
            await ch.insert(name, table)
        await as_before(ch, 20)
        wanted = [*((5, pos) for pos in (1, 2, 3)), *((SEQ, pos) for pos in MANY), *((20, pos) for pos in (1, 2, 3))]
        for _ in range(2):
            executions = await ch.get_executions("AAPL", NOON, NOON + MINUTE)
            assert executions.select("command_seq", "pos").rows() == wanted
            await ch.command("OPTIMIZE TABLE trade_executions FINAL")
        ticks = await ch.get_ticks("AAPL", NOON, NOON + MINUTE)
        assert ticks.select("seq", "pos").rows() == wanted
        bars = await ch.get_bars("AAPL", "1m", NOON, NOON + MINUTE)
        assert bars.select("open", "close", "trades").rows() == [(1.0, 3.0, len(wanted))]
