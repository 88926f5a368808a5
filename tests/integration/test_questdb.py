"""QuestDB for real, with the role's configuration: tables, sign-in, and the recorder's rows, whatever is killed."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from cift.core.messages import BookUpdate, Trade
from cift.core.migrations import MigrationError, compare, load_migrations, migrate, read_migrations
from cift.core.nats_manager import NatsManager
from cift.core.questdb import QuestDB, QuestDBRefusedError, QuestDBUnavailableError
from cift.core.questdb_migrations import QuestDBMigrations
from cift.core.serialization import encode_framed
from tests.servers.cache import CacheServer
from tests.servers.nats import NatsServer, free_port
from tests.servers.questdb import PASSWORD, READER_PASSWORD, QuestDBServer, make_tables
from tests.servers.services import Service
from tests.unit.role_code import load

WITHIN_S = 90.0


@pytest.fixture
async def questdb(questdb_server: QuestDBServer) -> AsyncIterator[QuestDB]:
    async with QuestDB(questdb_server.settings()) as client:
        await migrate(QuestDBMigrations(client), load_migrations("questdb"))
        yield client


async def test_tables_are_made_once_and_a_changed_file_is_found_out(questdb: QuestDB, tmp_path: Path) -> None:
    executor, files = QuestDBMigrations(questdb), load_migrations("questdb")
    assert all(status.applied for status in compare(files, await executor.applied()))
    assert await migrate(executor, files) == []
    found = await questdb.execute(
        "SELECT table_name, dedup, walEnabled, partitionBy, ttlValue > 0 FROM tables() "
        "WHERE table_name IN ('book_top', 'trades') ORDER BY 1"
    )
    assert found == [["book_top", True, True, "DAY", True], ["trades", True, True, "DAY", True]]
    (tmp_path / "001_market_data.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="restore the file"):
        await migrate(executor, read_migrations(tmp_path))


async def test_a_statement_that_fails_is_named(questdb: QuestDB, tmp_path: Path) -> None:
    files = load_migrations("questdb")
    for file in files:
        (tmp_path / f"{file.number:03}_{file.name}.sql").write_text(file.sql)
    (tmp_path / f"{len(files) + 1:03}_wrong.sql").write_text("SELECT 1; CREATE TABEL x (a INT);")
    with pytest.raises(MigrationError, match=r"_wrong\.sql: statement 2: QuestDB at 127\.0\.0\.1"):
        await migrate(QuestDBMigrations(questdb), read_migrations(tmp_path))


async def test_nobody_comes_in_without_the_right_password(questdb: QuestDB, questdb_server: QuestDBServer) -> None:
    url = f"http://127.0.0.1:{questdb_server.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as anybody:
        for request in (anybody.get("/exec?query=SELECT%201"), anybody.post("/write", content="trades x=1i\n")):
            assert (await request).status_code == 401
        health = f"http://127.0.0.1:{questdb_server.health_port}"
        assert "Healthy" in (await anybody.get(f"{health}/status")).text
        assert "questdb_" in (await anybody.get(f"{health}/metrics")).text
    wrong = questdb_server.settings().model_copy(update={"questdb_password": SecretStr("wrong")})
    async with QuestDB(wrong) as stranger:
        with pytest.raises(QuestDBRefusedError, match="check QUESTDB_"):
            await stranger.last_stream_seq("trades")
        with pytest.raises(QuestDBRefusedError, match="Unauthorized"):
            await stranger.insert("trades", [{"ts": time.time_ns(), "symbol": "A", "stream_seq": 1}])


async def test_the_reader_reads_and_does_nothing_else(questdb: QuestDB, questdb_server: QuestDBServer) -> None:
    where = {"host": "127.0.0.1", "port": questdb_server.pg_port, "database": "qdb", "timeout": 30}
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(user="admin", password="quest", **where)
    reader = await asyncpg.connect(user="reader", password=READER_PASSWORD, **where)
    try:
        assert await reader.fetchval("SELECT count() FROM schema_migrations") >= 1
        with pytest.raises(asyncpg.PostgresError, match="denied"):
            await reader.execute("CREATE TABLE mine (a INT)")
    finally:
        await reader.close()
    writer = await asyncpg.connect(user="cift", password=PASSWORD, **where)
    await writer.close()


async def test_a_row_that_comes_twice_is_one_row_and_no_table_is_made_by_rows(questdb: QuestDB) -> None:
    row = {"ts": time.time_ns(), "symbol": "TWICE", "side": "buy", "price": 1.0, "quantity": 2.0, "seq": 1, "pos": 1}
    for stream_seq in (7, 8):
        await questdb.insert("trades", [row | {"stream_seq": stream_seq}])
    await shown(questdb, "SELECT count(), max(stream_seq) FROM trades WHERE symbol = 'TWICE'", [[1, 8]])
    with pytest.raises(QuestDBRefusedError, match="table does not exist"):
        await questdb.insert("tradse", [row])
    with pytest.raises(QuestDBRefusedError, match="column: prise does not exist"):
        await questdb.insert("trades", [row | {"prise": 1.0}])
    with pytest.raises(ValueError, match="expected one of trades, book_top"):
        await questdb.last_stream_seq("trades; DROP TABLE trades")


async def test_one_connection_serves_every_insert(questdb: QuestDB, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    connect = questdb._connect
    monkeypatch.setattr(questdb, "_connect", lambda: made.append(connect()) or made[-1])
    for seq in range(5):
        row = {
            "ts": time.time_ns(),
            "symbol": "ONE",
            "side": "buy",
            "price": 1.0,
            "quantity": 1.0,
            "seq": seq,
            "pos": 1,
        }
        await questdb.insert("trades", [row])
    assert len(made) == 1
    await shown(questdb, "SELECT count() FROM trades WHERE symbol = 'ONE'", [[5]])


async def test_an_absent_server_is_one_sentence(questdb_server: QuestDBServer) -> None:
    nobody = questdb_server.settings().model_copy(update={"questdb_http_port": free_port()})
    async with QuestDB(nobody) as questdb:
        with pytest.raises(QuestDBUnavailableError, match="is it running there"):
            await questdb.last_stream_seq("trades")
        with pytest.raises(QuestDBUnavailableError, match="is it running there"):
            await questdb.insert("trades", [{"ts": time.time_ns(), "symbol": "A"}])


async def test_what_verify_reads_back(questdb: QuestDB, questdb_server: QuestDBServer) -> None:
    row = {"ts": time.time_ns(), "symbol": "V", "bid_price": 1.0, "ask_price": None, "seq": 1, "stream_seq": 1}
    await questdb.insert("book_top", [row])
    await shown(questdb, "SELECT ask_price FROM book_top WHERE symbol = 'V'", [[None]])
    said = questdb_server.ask("ask", "SELECT bid_price, ask_price FROM book_top WHERE symbol = 'V'")
    assert json.loads(said.stdout) == [1.0, None]
    refused = questdb_server.ask("ask", "SELECT nothing FROM nowhere")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "table does not exist" in refused.stderr
    # Without systemd there is no unit to read Java's version from; the tables are the server's own word.
    program = load("questdb/files/cift_questdb.py")
    conf = program.settings(questdb_server.conf)
    assert program.row_of_tables(conf, ["book_top", "trades"])["verdict"] == "pass"
    assert program.row_of_tables(conf, ["book_top", "trades", "quotes"])["verdict"] == "fail"


async def shown(questdb: QuestDB, sql: str, wanted: list[list[object]]) -> None:
    """Wait until a query shows what it should: rows come to light a moment after they were stored."""
    deadline, found = time.monotonic() + WITHIN_S, None
    while time.monotonic() < deadline:
        try:
            if (found := await questdb.execute(sql)) == wanted:
                return
        except QuestDBUnavailableError as error:
            found = str(error)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{sql}: found {found}, expected {wanted}")


class Market:
    """Publishes trades and books of a symbol as the engine would, and knows how many."""

    def __init__(self, nats: NatsManager, symbol: str) -> None:
        self._nats, self.symbol = nats, symbol
        self._numbers = itertools.count(1)
        self.count = 0

    async def trade(self, count: int) -> None:
        for _ in range(count):
            seq, ts = next(self._numbers), time.time_ns()
            trade = Trade(symbol=self.symbol, ts=ts, seq=seq, pos=1, side="buy", price=100.0 + seq, quantity=2.0)
            await self._nats.publish_acked(f"market.trades.{self.symbol}", encode_framed(trade))
            asks = ((101.0, 1.0),) if seq % 2 else ()
            book = BookUpdate(symbol=self.symbol, ts=ts, seq=seq, bids=((99.0, float(seq)), (98.0, 1.0)), asks=asks)
            await self._nats.publish_acked(f"market.book.{self.symbol}", encode_framed(book))
            self.count += 1

    async def stored(self, questdb: QuestDB) -> None:
        """Wait for every row; a moment later there must be no more than that."""
        for _ in range(2):
            for table in ("trades", "book_top"):
                sql = f"SELECT count(), count_distinct(seq) FROM {table} WHERE symbol = '{self.symbol}'"
                await shown(questdb, sql, [[self.count, self.count]])


@pytest.fixture
async def own_questdb(tmp_path: Path) -> AsyncIterator[QuestDBServer]:
    """A server of this test's own, with its tables, to be killed: rows say from where in the stream to go on."""
    server = QuestDBServer(tmp_path / "questdb")
    try:
        await asyncio.to_thread(server.start)
        await make_tables(server)
        yield server
    finally:
        server.kill()


@pytest.fixture
def recorder(nats_server: NatsServer, cache_server: CacheServer, own_questdb: QuestDBServer, tmp_path: Path) -> Service:
    """ClickHouse is away all the time: no tap of another store may wait for it."""
    away = {"CLICKHOUSE_PORT": str(free_port())}
    data = cache_server.environment() | own_questdb.environment() | away
    return Service("recorder", nats_server.environment("recorder") | data, tmp_path)


async def test_trades_and_books_arrive_while_clickhouse_is_away(
    nats: NatsManager, recorder: Service, own_questdb: QuestDBServer
) -> None:
    market = Market(nats, "AAPL")
    # What the engine says of an instrument that it opens, and what nobody should ever say.
    for ts in (0, -1):
        await nats.publish_acked("market.book.AAPL", BookUpdate(symbol="AAPL", ts=ts, seq=0, bids=(), asks=()))
    await market.trade(50)  # before it starts
    async with recorder, QuestDB(own_questdb.settings()) as questdb:
        await market.trade(50)
        await market.stored(questdb)
        row = "SELECT side, price, quantity, seq, pos, stream_seq FROM trades WHERE seq = 3"
        assert await questdb.execute(row) == [["buy", 103.0, 2.0, 3, 1, 7]]
        books = "SELECT bid_price, bid_quantity, ask_price, ask_quantity FROM book_top WHERE seq IN (3, 4) ORDER BY seq"
        assert await questdb.execute(books) == [[99.0, 3.0, 101.0, 1.0], [99.0, 4.0, None, None]]
        assert await recorder.stop() == 0


async def test_kills_of_it_and_of_the_recorder_lose_and_double_nothing(
    nats: NatsManager, recorder: Service, own_questdb: QuestDBServer
) -> None:
    market = Market(nats, "MSFT")
    async with recorder, QuestDB(own_questdb.settings()) as questdb:
        for round_ in range(3):
            trading = asyncio.create_task(market.trade(300))
            await asyncio.sleep(0.15)
            if round_ != 1:
                own_questdb.kill()
            if round_ != 0:
                recorder.kill()
                await recorder.run()
            if round_ != 1:
                await asyncio.to_thread(own_questdb.start)
            await trading
        await market.stored(questdb)
        # A table that lost its last rows, as by a power cut or an older backup, gets them again at the next start.
        assert await recorder.stop() == 0
        for table in ("trades", "book_top"):
            await questdb.execute(f"TRUNCATE TABLE {table}")
            await shown(questdb, f"SELECT count() FROM {table}", [[0]])
        await recorder.run()
        await market.stored(questdb)
        assert "trying again" in recorder.text()
        assert await recorder.stop() == 0
