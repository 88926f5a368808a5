"""The service as curl sees it: addresses, statuses, headers, sign-in, limits."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.chdb import PASSWORD, ChdbServer, make_server


@pytest.fixture
def http(chdb_server: ChdbServer, clickhouse_database: str) -> Iterator[httpx.Client]:
    auth, params = (chdb_server.user, chdb_server.password), {"database": clickhouse_database}
    with httpx.Client(base_url=chdb_server.url, auth=auth, params=params) as client:
        client.post("/", content="CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a").raise_for_status()
        yield client


def test_ping_needs_no_sign_in(chdb_server: ChdbServer) -> None:
    for path in ("/ping", "/"):
        answer = httpx.get(chdb_server.url + path)
        assert (answer.status_code, answer.text) == (200, "Ok.\n")
    assert httpx.get(chdb_server.url + "/nowhere").status_code == 404


def test_sign_in(chdb_server: ChdbServer) -> None:
    for name, password, status in (("cift", PASSWORD, 200), ("cift", "wrong", 403), ("nobody", PASSWORD, 403)):
        basic = httpx.post(chdb_server.url, content="SELECT 1", auth=(name, password))
        headers = {"X-ClickHouse-User": name, "X-ClickHouse-Key": password}
        key = httpx.post(chdb_server.url, content="SELECT 1", headers=headers)
        url = httpx.post(chdb_server.url, content="SELECT 1", params={"user": name, "password": password})
        assert [answer.status_code for answer in (basic, key, url)] == [status] * 3
        if status != 200:
            assert {answer.headers["X-ClickHouse-Exception-Code"] for answer in (basic, key, url)} == {"516"}
            assert PASSWORD not in basic.text
    missing = httpx.post(chdb_server.url, content="SELECT 1")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_reader_may_only_read(chdb_server: ChdbServer, http: httpx.Client) -> None:
    reader = ("reader", "reader-secret")
    assert http.post("/", content="SELECT count() FROM t", auth=reader).text == "0\n"
    for statement in ("INSERT INTO t VALUES (1, 'a')", "DROP TABLE t", "SET readonly = 0"):
        refused = http.post("/", content=statement, auth=reader)
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164", statement
        refused = http.post("/", content=statement, auth=reader, params={"session_id": "reader"})
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164", statement
    assert http.post("/", content="DROP TABLE t", auth=reader, params={"readonly": "0"}).status_code != 200
    assert http.post("/", content="EXISTS TABLE t").text == "1\n"


def test_get_changes_nothing(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT {a:Int8} + 1", "param_a": "41"}).text == "42\n"
    refused = http.get("/", params={"query": "DROP TABLE t"})
    assert refused.headers["X-ClickHouse-Exception-Code"] == "164"
    assert http.post("/", content="EXISTS TABLE t").text == "1\n"


def test_headers_of_an_answer(http: httpx.Client) -> None:
    answer = http.post(
        "/", content="SELECT number FROM numbers(3)", params={"query_id": "abc", "default_format": "JSON"}
    )
    assert answer.headers["X-ClickHouse-Query-Id"] == "abc"
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert answer.json()["rows"] == 3
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert (summary["result_rows"], summary["written_rows"]) == ("3", "0")
    done = http.post("/", content="INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    assert json.loads(done.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    assert "X-ClickHouse-Format" not in done.headers


def test_a_statement_in_the_url_and_its_data_in_the_body(http: httpx.Client) -> None:
    query = {"query": "INSERT INTO t FORMAT JSONEachRow"}
    body = b"".join(b'{"a": %d, "b": "x"}\n' % i for i in range(1000))
    http.post("/", params=query, content=gzip.compress(body), headers={"Content-Encoding": "gzip"}).raise_for_status()
    http.post("/", params=query, content=(line for line in body.splitlines())).raise_for_status()
    http.post("/", params={"query": "INSERT INTO t VALUES"}, content="(5, 'five'), (6, 'six')").raise_for_status()
    assert http.post("/", content="SELECT count(), sum(a) FROM t").text == "2002\t999011\n"


def test_a_table_named_by_a_parameter(http: httpx.Client) -> None:
    params = {"param_t": "t", "param_x": "it's"}
    http.post("/", params=params, content="INSERT INTO {t:Identifier} FORMAT CSV\n1,a\n").raise_for_status()
    assert http.post("/", params=params, content="SELECT a, {x:String} FROM {t:Identifier}").text == "1\tit\\'s\n"


@pytest.mark.parametrize(
    ("statement", "params", "status", "code"),
    [
        ("SELEKT 1", {}, 400, 62),
        ("", {}, 400, 62),
        ("SELECT 1; SELECT 2", {}, 400, 62),
        ("SELECT * FROM absent", {}, 404, 60),
        ("SELECT 1", {"database": "absent"}, 404, 81),
        ("SELECT 1", {"max_thredas": "1"}, 404, 115),
        ("SELECT 1", {"max_threads": "many"}, 400, 27),
        ("SELECT 1", {"compress": "1"}, 501, 48),
        ("SELECT 1 FORMAT Absent", {}, 404, 73),
        ("SELECT {a:Int8}", {}, 500, 456),
        ("SELECT {a:Int8}", {"param_a": "x"}, 500, 457),
        ("SELECT 1", {"session_id": "s", "session_check": "1"}, 500, 372),
        ("INSERT INTO t FORMAT CSV\noops", {}, 400, 27),
    ],
)
def test_errors(http: httpx.Client, statement: str, params: dict[str, str], status: int, code: int) -> None:
    answer = http.post("/", content=statement, params=params)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code)), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_an_error_after_a_part_of_the_result_breaks_the_connection(http: httpx.Client) -> None:
    statement = "SELECT throwIf(number = 3000000), number FROM numbers(10000000)"
    text = b""

    def read() -> None:
        nonlocal text
        for piece in answer.iter_bytes():
            text = (text + piece)[-2000:]

    with http.stream("POST", "/", content=statement) as answer:
        tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
        with pytest.raises(httpx.RemoteProtocolError):
            read()
    assert b"__exception__\r\n" + tag in text
    assert b"Code: 395" in text


def test_leaving_early_frees_the_statement(http: httpx.Client) -> None:
    for _ in range(20):
        with http.stream("POST", "/", content="SELECT number, toString(number) FROM numbers(50000000)") as answer:
            next(answer.iter_bytes())
    assert http.post("/", content="SELECT 1").text == "1\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_compressed_answers(http: httpx.Client, encoding: str) -> None:
    statement = "SELECT number FROM numbers(500000)"
    plain = http.post("/", content=statement, headers={"Accept-Encoding": encoding})
    assert "Content-Encoding" not in plain.headers
    packed = http.post(
        "/", content=statement, headers={"Accept-Encoding": encoding}, params={"enable_http_compression": "1"}
    )
    assert packed.headers["Content-Encoding"] == encoding
    assert packed.text == plain.text


def test_limits(tmp_path: Path) -> None:
    server = make_server(tmp_path, "--max-body-bytes", "100000")
    server.start()
    try:
        with httpx.Client(base_url=server.url, auth=(server.user, server.password)) as http:
            http.post("/", content="CREATE DATABASE d").raise_for_status()
            http.post("/", content="CREATE TABLE d.t (b String) ENGINE = MergeTree ORDER BY b").raise_for_status()
            rows = b"INSERT INTO d.t FORMAT CSV\n" + b"x\n" * 60_000
            for content in (rows, (rows[at : at + 1000] for at in range(0, len(rows), 1000))):
                answer = http.post("/", content=content)
                assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "307")
            bomb = gzip.compress(b"INSERT INTO d.t FORMAT CSV\n" + b"0" * 50_000_000)
            assert len(bomb) < 100_000
            assert http.post("/", content=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
            assert http.post("/", content="SELECT count() FROM d.t").text == "0\n"
    finally:
        server.stop()


def test_a_broken_header_is_no_crash(chdb_server: ChdbServer) -> None:
    for value in (
        "Basic",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"\xff:x").decode(),
    ):
        answer = httpx.post(chdb_server.url, content="SELECT 1", headers={"Authorization": value})
        assert answer.status_code == 403
