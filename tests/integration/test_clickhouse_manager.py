"""The manager against the real service with the real schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.clickhouse_manager import ClickHouseError, ClickHouseManager, ClickHouseUnavailableError
from cift.core.config import Settings
from cift.core.migrations import load_migrations, migrate
from tests.servers.chdb import ChdbServer, free_port

# Recent, because a TTL drops what is too old; at noon, so that no test runs into midnight.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
NOON_NS = int(NOON.timestamp()) * 10**9
SECOND = 10**9


def settings_for(server: ChdbServer, database: str) -> Settings:
    return Settings.model_validate({**server.environment, "CLICKHOUSE_DB": database})


@pytest.fixture
async def ch(chdb_server: ChdbServer, clickhouse_database: str) -> AsyncIterator[ClickHouseManager]:
    settings = settings_for(chdb_server, clickhouse_database)
    async with ClickHouseMigrations(settings) as executor:
        await migrate(executor, load_migrations("clickhouse"))
    async with ClickHouseManager(settings) as manager:
        yield manager


def tick(seconds: float, price: float, quantity: float = 1.0, *, seq: int, **more: Any) -> dict[str, Any]:
    ts = NOON_NS + int(seconds * SECOND)
    row = {"ts": ts, "symbol": "AAPL", "price": price, "quantity": quantity, "side": "buy", "seq": seq, "pos": 0}
    return {**row, "stream_seq": seq, **more}


def execution(seq: int, **more: Any) -> dict[str, Any]:
    row = {"stream_seq": seq, "command_seq": seq, "pos": 1, "ts": NOON_NS + seq, "symbol": "AAPL", "side": "sell"}
    makers = {"taker_order_id": seq, "taker_user_id": 1, "maker_order_id": 99, "maker_user_id": 2}
    return {**row, "price": 150.25, "quantity": 4.0, **makers, **more}


async def test_bars_from_ticks_that_come_late_and_at_the_same_time(ch: ClickHouseManager) -> None:
    await ch.insert_ticks([tick(10, 101.0, 2.0, seq=3), tick(10, 99.0, seq=4), tick(70, 105.0, seq=5)])
    await ch.insert_ticks([tick(1, 100.0, seq=1), tick(10, 102.0, seq=2)])
    bars = await ch.get_bars("AAPL", "1m", NOON, NOON + timedelta(minutes=5))
    assert bars.schema["ts"] == pl.Datetime("ms", "UTC")
    assert bars.drop("vwap").rows() == [
        (NOON, "AAPL", 100.0, 102.0, 99.0, 99.0, 5.0, 4),
        (NOON + timedelta(minutes=1), "AAPL", 105.0, 105.0, 105.0, 105.0, 1.0, 1),
    ]
    assert bars["vwap"].to_list() == pytest.approx([(100 + 102 + 2 * 101 + 99) / 5, 105.0])


@pytest.mark.parametrize(("interval", "bars"), [("5s", 12), ("1m", 10), ("5m", 2), ("1h", 1), ("1d", 0)])
async def test_every_length_of_bar_agrees_with_the_ticks(ch: ClickHouseManager, interval: str, bars: int) -> None:
    ticks = [tick(i * 7, 100.0 + i % 11, 1.0 + i % 3, seq=i) for i in range(120)]
    await ch.insert_ticks(ticks)
    end = NOON + (timedelta(minutes=1) if interval == "5s" else timedelta(minutes=10))
    found = await ch.get_bars("AAPL", interval, NOON, end)
    # Whole bars: a bar of an hour that begins in the period counts to its end, one of a day began before it.
    assert found.height == {"5s": 9, "1m": 10, "5m": 2, "1h": 1, "1d": 0}[interval]
    if interval == "1h":
        assert found["volume"].sum() == sum(row["quantity"] for row in ticks)
    assert bars >= found.height


async def test_bars_of_an_unknown_symbol_are_an_empty_frame(ch: ClickHouseManager) -> None:
    bars = await ch.get_bars("NONE", "1m", NOON, NOON + timedelta(hours=1))
    assert bars.height == 0
    assert bars.columns == ["ts", "symbol", "open", "high", "low", "close", "volume", "vwap", "trades"]


@pytest.mark.parametrize(
    ("symbol", "interval", "start", "end", "sentence"),
    [
        ("AAPL", "7m", NOON, NOON + timedelta(1), r"interval: found '7m', expected one of 1s, .*1m"),
        ("AAPL", "1m", NOON, NOON, r"end: .*after start"),
        ("AAPL", "1m", NOON, NOON - timedelta(1), r"end: .*after start"),
        ("AAPL", "1m", float("nan"), NOON, r"start: found nan, expected a datetime or nanoseconds"),
        ("AAPL", "1m", NOON, 2**63, r"end: .*1970 to 2106"),
        ("", "1m", NOON, NOON + timedelta(1), r"symbol: found ''"),
    ],
)
async def test_bad_questions(
    ch: ClickHouseManager, symbol: str, interval: str, start: Any, end: Any, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        await ch.get_bars(symbol, interval, start, end)


async def test_values_never_become_sql(ch: ClickHouseManager) -> None:
    await ch.insert_executions([execution(1)])
    evil = "AAPL' OR '1'='1"
    assert (await ch.get_bars(evil, "1m", NOON, NOON + timedelta(1))).height == 0
    assert (await ch.get_executions(evil, NOON, NOON + timedelta(1))).height == 0


async def test_executions_are_stored_once(ch: ClickHouseManager) -> None:
    assert await ch.last_stream_seq("trade_executions") == 0
    batch = [execution(seq) for seq in (1, 2, 3)]
    for _ in range(2):
        assert await ch.insert_executions(batch, token="EVENTS 1-3") == 3
    assert await ch.command("SELECT count() FROM trade_executions") == 3
    # Without a token the key still tells the same fill, whatever stream sequence a replay gave it.
    await ch.insert_executions([execution(3, stream_seq=4)])
    found = await ch.get_executions("AAPL", NOON, NOON + timedelta(minutes=1))
    assert found["command_seq"].to_list() == [1, 2, 3]
    assert found["notional"].to_list() == [601.0] * 3
    assert found["side"].to_list() == ["sell"] * 3
    assert await ch.last_stream_seq("trade_executions") == 4


async def test_ticks_with_a_token_are_counted_once_in_bars(ch: ClickHouseManager) -> None:
    for _ in range(2):
        await ch.insert_ticks([tick(1, 10.0, seq=1)], token="MARKET_DATA 1-1")
    assert (await ch.get_bars("AAPL", "1m", NOON, NOON + timedelta(minutes=1)))["trades"].to_list() == [1]


async def test_executions_of_a_user_and_a_limit(ch: ClickHouseManager) -> None:
    await ch.insert_executions([execution(seq, taker_user_id=seq % 3) for seq in range(10)])
    hour = NOON + timedelta(hours=1)
    assert (await ch.get_executions("AAPL", NOON, hour, user_id=0))["command_seq"].to_list() == [0, 3, 6, 9]
    assert (await ch.get_executions("AAPL", NOON, hour, limit=2)).height == 2


async def test_rows_come_as_frames_tables_and_mappings(ch: ClickHouseManager) -> None:
    frames = [pl.DataFrame([tick(i, 1.5, seq=i) for i in range(start, start + 3)]) for start in (0, 3, 6)]
    table: pa.Table = frames[1].to_arrow()
    for rows in (frames[0], table, frames[2].to_dicts()):
        assert await ch.insert_ticks(rows) == 3
    ticks = await ch.get_ticks("AAPL", NOON, NOON + timedelta(minutes=1))
    assert ticks.height == 9
    assert ticks.schema["ts"] == pl.Datetime("ns", "UTC")
    assert await ch.insert_ticks([]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": None}, "price: found an empty value"),
        ({"price": "abc"}, "rows don't fit"),
        ({"pos": -1}, "rows don't fit"),
        ({"colour": 1}, r"unknown \['colour'\]"),
    ],
)
async def test_bad_rows(ch: ClickHouseManager, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        await ch.insert_ticks([tick(1, 1.0, seq=1) | change])


async def test_errors_are_typed(ch: ClickHouseManager, chdb_server: ChdbServer) -> None:
    with pytest.raises(ClickHouseError) as caught:
        await ch.query("SELECT * FROM absent")
    assert caught.value.code == 60
    assert await ch.ping() > 0
    wrong = chdb_server.environment | {"CLICKHOUSE_PASSWORD": "wrong"}
    with pytest.raises(ClickHouseError) as caught:
        await ClickHouseManager(Settings.model_validate(wrong)).connect()
    assert caught.value.code == 516
    away = Settings.model_validate({"CLICKHOUSE_PORT": free_port()})
    with pytest.raises(ClickHouseUnavailableError, match=r"ClickHouse at 127.0.0.1:\d+: .*refused"):
        await ClickHouseManager(away).connect()
    with pytest.raises(ClickHouseUnavailableError, match="call connect"):
        await ClickHouseManager(away).ping()
