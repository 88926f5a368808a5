"""The parts of the ClickHouse-engine service that need no engine: statements, users, encodings, requests."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import zlib
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cift.chdb import sql
from cift.chdb.compression import ENCODINGS, Decoder, choose, encoder
from cift.chdb.engine import identifier, quote
from cift.chdb.errors import EngineError
from cift.chdb.request import add_form, parse
from cift.chdb.users import UsersError, authenticate, load_users

HASH = hashlib.sha256(b"secret").hexdigest()


@pytest.mark.parametrize(
    ("text", "kind", "name", "data"),
    [
        ("SELECT 1", "SELECT", None, None),
        ("  -- note\n/* x */ (SELECT 1) UNION ALL (SELECT 2) FORMAT CSV ;", "SELECT", "CSV", None),
        ("SELECT 1 FORMAT Native SETTINGS max_threads = 1, x = 'FORMAT CSV'", "SELECT", "Native", None),
        ("SELECT 'FORMAT CSV', format FROM t", "SELECT", None, None),
        ("WITH 1 AS x SELECT x format jsoneachrow", "WITH", "jsoneachrow", None),
        ("insert into t (a, `format`) values (1, 2)", "INSERT", "Values", b" (1, 2)"),
        ("INSERT INTO t SETTINGS a = 1 FORMAT CSV\n1,2\n", "INSERT", "CSV", b"1,2\n"),
        ("INSERT INTO t FORMAT CSV\r\n;'", "INSERT", "CSV", b";'"),
        ("INSERT INTO t FORMAT Native  \n\n\x01", "INSERT", "Native", b"\n\x01"),
        ("INSERT INTO t (a)", "INSERT", None, b""),
        ("INSERT INTO t SELECT * FROM u WHERE v IN (SELECT 1)", "INSERT", None, None),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "INSERT", None, None),
        ("CREATE TABLE t (a String DEFAULT ';') ENGINE = Memory", "CREATE", None, None),
        ("SELECT $x$;' FORMAT CSV$x$", "SELECT", None, None),
        ("EXPLAIN SELECT 1 FORMAT TSVRaw", "EXPLAIN", "TSVRaw", None),
        ("SELECT a AS file FROM t", "SELECT", None, None),
    ],
)
def test_statements(text: str, kind: str, name: str | None, data: bytes | None) -> None:
    found = sql.parse(text.encode())
    assert (found.kind, found.format) == (kind, name)
    assert (None if found.data_at is None else text.encode()[found.data_at :]) == data


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 62),
        (" ; ", 62),
        ("-- only a comment", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1 INTO/**/OUTFILE 'x'", 497),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 497),
        ("SELECT file ('/etc/passwd')", 497),
        ("SELECT (\"FILE\"('/etc/passwd'))", 497),
    ],
)
def test_statements_that_are_refused(text: str, code: int) -> None:
    with pytest.raises(EngineError) as caught:
        sql.parse(text.encode())
    assert caught.value.code == code


def test_the_beginning_of_a_statement() -> None:
    for text in ("INSERT INTO t FORM", "INSERT INTO t FORMAT Nat", "SELECT 1"):
        with pytest.raises(sql.IncompleteError):
            sql.parse(text.encode(), complete=False)
    assert sql.parse(b"INSERT INTO t FORMAT Native\n", complete=False).data_at == 28


@given(st.binary())
def test_any_bytes_are_looked_at_without_failing(text: bytes) -> None:
    for complete in (True, False):
        with contextlib.suppress(EngineError, sql.IncompleteError):
            sql.parse(text, complete=complete)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(parts=st.lists(st.binary(min_size=1), max_size=5), step=st.integers(1, 64))
def test_frames_one_after_another_at_any_cut(encoding: str, parts: list[bytes], step: int) -> None:
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "lz4": lz4.frame.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }[encoding]
    body = b"".join(pack(part) for part in parts)
    decoder = Decoder(encoding)
    plain = b"".join(b"".join(decoder.pieces(body[at : at + step])) for at in range(0, len(body), step))
    decoder.finish()
    assert plain == b"".join(parts)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_packed_can_be_unpacked(encoding: str) -> None:
    pack = encoder(encoding)
    body = pack.compress(b"a" * 100_000) + pack.compress(b"b") + pack.flush()
    decoder = Decoder(encoding)
    assert b"".join(decoder.pieces(body)) == b"a" * 100_000 + b"b"
    decoder.finish()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bad_bodies(encoding: str) -> None:
    with pytest.raises(EngineError, match=f"not valid {encoding}"):
        list(Decoder(encoding).pieces(b"this is not compressed"))
    pack = encoder(encoding)
    decoder = Decoder(encoding)
    list(decoder.pieces((pack.compress(b"abc") + pack.flush())[:-1]))
    with pytest.raises(EngineError, match="ends in the middle"):
        decoder.finish()


def test_encodings_offered() -> None:
    assert choose("br, zstd;q=0.5, gzip") == "zstd"
    assert choose("br") == choose("") == ""
    with pytest.raises(EngineError, match="Content-Encoding 'br' is not supported"):
        Decoder("br")


def test_users_and_ways_to_sign_in(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    file.write_text(json.dumps({"cift": {"password_sha256_hex": HASH}}))
    users = load_users(file)
    basic = {"authorization": "Basic " + base64.b64encode(b"cift:secret").decode()}
    for headers, url in (
        (basic, {}),
        ({"x-clickhouse-user": "cift", "x-clickhouse-key": "secret"}, {}),
        ({}, {"user": "cift", "password": "secret"}),
    ):
        found = authenticate(users, headers, url)
        assert found is not None
        assert found.name == "cift"
    assert authenticate(users, {}, {}) is None
    for headers in (
        {"authorization": "Basic " + base64.b64encode(b"cift:wrong").decode()},
        {"authorization": "Basic " + base64.b64encode(b"other:secret").decode()},
        {"authorization": "Basic !!"},
        {"authorization": "Bearer abc"},
        {"x-clickhouse-user": "cift"},
        {"x-clickhouse-key": "secret"},
    ):
        with pytest.raises(EngineError) as caught:
            authenticate(users, headers, {})
        assert caught.value.code == 516


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not JSON"),
        ("{}", "found no users"),
        ('{"a": {"password": "x"}}', "user 'a': expected the fields"),
        ('{"a": {"password_sha256_hex": []}}', "user 'a': password_sha256_hex: expected 64"),
        ('{"a": {"password_sha256_hex": "abc"}}', "user 'a': password_sha256_hex: expected 64"),
        (json.dumps({"a": {"password_sha256_hex": [HASH], "readonly": 1}}), "user 'a': readonly: found 1"),
    ],
)
def test_bad_files_of_users(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "users.json"
    file.write_text(content)
    with pytest.raises(UsersError, match=sentence):
        load_users(file)
    with pytest.raises(UsersError, match="No such file"):
        load_users(tmp_path / "absent")


def test_urls_are_told_apart() -> None:
    url = [("query", "SELECT 1"), ("param_a", "1"), ("max_threads", "2"), ("database", "d"), ("wait_end_of_query", "1")]
    request = parse(url, {"x-clickhouse-format": "CSV"})
    assert (request.query, request.params, request.settings) == (b"SELECT 1", {"a": "1"}, {"max_threads": "2"})
    assert (request.database, request.default_format) == ("d", "CSV")
    for bad, code in (
        ({"compress": "1"}, 48),
        ({"role": "r"}, 48),
        ({"session_timeout": "x"}, 62),
        ({"query_id": "\n"}, 62),
    ):
        with pytest.raises(EngineError) as caught:
            parse(bad.items(), {})
        assert caught.value.code == code


def test_forms() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
    body += b'--x\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xc3\xa9\r\n--x--\r\n'
    request = parse([], {})
    add_form(request, "multipart/form-data; boundary=x", body)
    assert (request.query, request.params) == (b"SELECT {a:String}", {"a": "é"})
    external = b'--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--x--\r\n'
    with pytest.raises(EngineError, match="External data"):
        add_form(request, "multipart/form-data; boundary=x", external)


def test_quoting() -> None:
    assert quote("a'b\\c") == "'a\\'b\\\\c'"
    assert identifier("a`b\\c") == "`a\\`b\\\\c`"


def test_statuses() -> None:
    for code, status in ((516, 403), (497, 403), (62, 400), (60, 404), (81, 404), (48, 501), (307, 413), (241, 500)):
        assert EngineError(code, "").status == status
    engine = EngineError.from_engine(
        RuntimeError("Streaming query failed: Code: 60. DB::Exception: x. (UNKNOWN_TABLE)")
    )
    assert (engine.code, str(engine)) == (60, "Code: 60. DB::Exception: x. (UNKNOWN_TABLE)")
    assert EngineError.from_engine(ValueError("odd")).code == 1001
