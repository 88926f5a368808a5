"""What clickhouse-connect's own HTTP client does with the service: nothing here knows that it isn't a server."""

from __future__ import annotations

import concurrent.futures
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.servers.chdb import ChdbServer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def client(chdb_server: ChdbServer, clickhouse_database: str) -> Iterator[Client]:
    with chdb_server.client(clickhouse_database) as client:
        client.command("CREATE TABLE trades (ts DateTime64(9,'UTC'), symbol LowCardinality(String), price Float64, "
                       "size Nullable(Int64)) ENGINE = MergeTree ORDER BY (symbol, ts)")  # fmt: skip
        yield client


def rows(count: int) -> list[tuple[datetime, str, float, int | None]]:
    return [(NOON + timedelta(seconds=i), f"S{i % 3}", i * 0.25, None if i % 5 == 0 else i) for i in range(count)]


@pytest.mark.parametrize("compress", [False, "gzip", "lz4", "zstd"])
def test_insert_and_query_under_every_compression(chdb_server: ChdbServer, client: Client, compress: str) -> None:
    with chdb_server.client(client.database, compress=compress, tz_mode="aware") as other:
        summary = other.insert("trades", rows(5000), column_names=["ts", "symbol", "price", "size"])
        assert summary.written_rows == 5000
        result = other.query("SELECT * FROM trades ORDER BY ts")
    assert result.column_names == ("ts", "symbol", "price", "size")
    assert result.result_rows == rows(5000)
    assert result.summary["read_rows"] == "5000"


def test_parameters_are_bound_not_formatted(client: Client) -> None:
    client.insert("trades", rows(10), column_names=["ts", "symbol", "price", "size"])
    evil = "S1' OR 1=1 --"
    where = "symbol = {s:String} AND ts < {t:DateTime64(9)} AND price IN {p:Array(Float64)}"
    query = f"SELECT count() FROM trades WHERE {where}"
    assert client.query(query, {"s": "S1", "t": NOON + timedelta(hours=1), "p": [0.25, 1.0]}).first_row == (2,)
    assert client.query(query, {"s": evil, "t": NOON, "p": [1.0]}).first_row == (0,)


def test_long_parameters_travel_as_a_form(client: Client) -> None:
    names = [f"S{i}" for i in range(3000)]
    assert client.query("SELECT length({names:Array(String)})", {"names": names}).first_row == (3000,)


def test_arrow_in_and_out(client: Client) -> None:
    table = pa.table(
        {
            "ts": pa.array([NOON + timedelta(microseconds=i) for i in range(1000)], pa.timestamp("ns", "UTC")),
            "symbol": pa.array(["AAPL"] * 1000).dictionary_encode(),
            "price": pa.array([math.pi] * 1000),
            "size": pa.array([None, 7] * 500, pa.int64()),
        }
    )
    client.insert_arrow("trades", table)
    back = client.query_arrow("SELECT * FROM trades ORDER BY ts")
    assert back.column("price").to_pylist() == [math.pi] * 1000
    assert back.column("size").null_count == 500
    assert back.column("ts").to_pylist() == table.column("ts").to_pylist()


def test_large_results_stream(client: Client) -> None:
    total = 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(400000)") as stream:
        for block in stream:
            total += len(block)
    assert total == 400_000


def test_commands_and_summaries(client: Client) -> None:
    assert client.command("SELECT 1 + 1") == 2
    assert client.command("SELECT 'a' WHERE 0") == ""
    assert client.command("ALTER TABLE trades COMMENT COLUMN price 'the price'").query_id() != ""
    assert client.query("SELECT 1", settings={"query_id": "mine-1"}).query_id == "mine-1"


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("SELECT * FROM absent", 60, "UNKNOWN_TABLE"),
        ("SELECT absent FROM trades", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT 1 +", 62, "SYNTAX_ERROR"),
        ("SELECT 1; DROP TABLE trades", 62, "SYNTAX_ERROR"),
        ("SELECT toInt32('x')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 497, "ACCESS_DENIED"),
        ("SELECT file('/etc/passwd')", 497, "ACCESS_DENIED"),
        ("SELECT `file`('/etc/passwd')", 497, "ACCESS_DENIED"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV')", 497, "ACCESS_DENIED"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 497, "ACCESS_DENIED"),
        ("INSERT INTO trades FROM INFILE '/etc/passwd' FORMAT CSV", 497, "ACCESS_DENIED"),
    ],
)
def test_errors_carry_codes_and_names(client: Client, statement: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command(statement)
    assert (caught.value.code, caught.value.name) == (code, name)


def test_a_failed_insert_stores_nothing(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("trades", ["symbol", "price"], "A,1.5\nB,oops\n", fmt="CSV")
    assert caught.value.code == 72
    assert client.command("SELECT count() FROM trades") == 0


def test_an_insert_with_a_token_is_stored_once(client: Client) -> None:
    client.command("ALTER TABLE trades MODIFY SETTING non_replicated_deduplication_window = 100")
    for _ in range(3):
        client.insert("trades", rows(3), column_names="*", settings={"insert_deduplication_token": "events-1-3"})
    assert client.command("SELECT count() FROM trades") == 3


def test_settings_hold_for_one_request(chdb_server: ChdbServer) -> None:
    for session in (False, True):
        with chdb_server.client() as client:
            if session:
                client.params["session_id"] = "settings-test"
            ask = "SELECT getSetting('max_block_size')"
            default = client.command(ask)
            assert client.command(ask, settings={"max_block_size": "123"}) == 123
            assert client.command(ask) == default
            if session:
                client.command("SET max_block_size = 321")
                assert client.command(ask, settings={"max_block_size": "123"}) == 123
                assert client.command(ask) == 321


def test_sessions_keep_temporary_tables(chdb_server: ChdbServer) -> None:
    with chdb_server.client() as first, chdb_server.client() as second:
        first.params["session_id"], second.params["session_id"] = "one", "two"
        first.command("CREATE TEMPORARY TABLE mine AS SELECT 42 AS answer")
        assert first.command("SELECT answer FROM mine") == 42
        with pytest.raises(DatabaseError):
            second.command("SELECT answer FROM mine")


def test_statements_run_side_by_side(client: Client) -> None:
    def work(part: int) -> int:
        client.insert("trades", [(NOON, f"P{part}", float(i), i) for i in range(50)], column_names="*")
        return int(client.command("SELECT sum(size) FROM trades WHERE symbol = {s:String}", {"s": f"P{part}"}))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [1225] * 40
    assert client.command("SELECT count() FROM trades") == 2000
