# ruff: noqa: S608 - the names come from the server's own tables
"""ClickHouse over HTTP, server or chDB: each table's statement and its rows in the format Native, which keeps aggregate
states. Views come last, so that loading a table doesn't fill another one. `url`, `user`, `password`, `ca` (TLS)."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import urllib.parse
from typing import Any, BinaryIO

from backup_tar import Reader, Writer

QUIET = "('system', 'INFORMATION_SCHEMA', 'information_schema', 'default')"


def _ask(order: dict[str, Any], sql: str, body: Any = None) -> http.client.HTTPResponse:
    where = urllib.parse.urlsplit(order["url"])
    link = http.client.HTTPConnection(where.hostname or "", where.port, timeout=3600)
    if where.scheme == "https":
        trust = ssl.create_default_context(cafile=order.get("ca") or None)
        link = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=3600, context=trust)
    headers = {"X-ClickHouse-User": order["user"], "X-ClickHouse-Key": order["password"]}
    query = "/?" + urllib.parse.urlencode({"query": sql}) if body is not None else "/"
    link.request("POST", query, body=body if body is not None else sql.encode(), headers=headers)
    answer = link.getresponse()
    if answer.status != 200:
        raise OSError(f"ClickHouse: {answer.read().decode(errors='replace').strip()[:500]}")
    return answer


def _rows(order: dict[str, Any], sql: str) -> list[list[Any]]:
    return [json.loads(line) for line in _ask(order, sql + " FORMAT JSONCompactEachRow").read().splitlines()]


def _tables(order: dict[str, Any]) -> list[list[str]]:
    return _rows(
        order,
        "SELECT database, name, engine, create_table_query FROM system.tables WHERE NOT is_temporary"
        f" AND database NOT IN {QUIET} AND name NOT LIKE '.inner%' ORDER BY database, name",
    )


def _name(database: str, table: str) -> str:
    return f"`{database}`.`{table}`"


def _stored(engine: str) -> bool:
    return "MergeTree" in engine or engine in {"Log", "TinyLog", "StripeLog", "Memory"}


def _value(name: str, kind: str) -> str:
    """A column as something to hash: of a NULL the hash would be NULL, and its row would count for nothing."""
    if kind.startswith("AggregateFunction("):
        return f"finalizeAggregation(`{name}`)"
    if kind.startswith(("Nullable(", "LowCardinality(Nullable(")):
        return f"isNull(`{name}`), ifNull(toString(`{name}`), '')"
    return f"`{name}`"


def _sum(order: dict[str, Any], database: str, table: str, engine: str) -> str:
    """Return the query of rows and sums, the same before and after merges: rows as they will be when all are merged."""
    columns = _rows(
        order,
        "SELECT name, type FROM system.columns WHERE default_kind NOT IN ('ALIAS', 'EPHEMERAL')"
        f" AND database = '{database}' AND table = '{table}' ORDER BY position",
    )
    values = ", ".join(_value(name, kind) for name, kind in columns)
    final = "" if engine in {"MergeTree", "ReplicatedMergeTree"} or "MergeTree" not in engine else " FINAL"
    sums = f"toString(sum(sipHash64({values}))), toString(groupBitXor(cityHash64({values})))"
    return f"SELECT toString(count()), {sums} FROM {_name(database, table)}{final}"


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return rows and a hash of every table, whatever the order of its rows."""
    found = {}
    for database, table, engine, _ in _tables(order):
        if _stored(engine):
            rows, *sums = _rows(order, _sum(order, database, table, engine))[0]
            found[f"{database}.{table}"] = {
                "rows": int(rows),
                "hash": hashlib.sha256("|".join(sums).encode()).hexdigest(),
            }
    return found


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write statements first, then rows."""
    tables = _tables(order)
    with Writer(out) as writer:
        writer.add("tables.json", json.dumps(tables).encode())
        for index, (database, table, engine, _) in enumerate(tables):
            if _stored(engine):
                answer = _ask(order, f"SELECT * FROM {_name(database, table)} FORMAT Native")
                writer.stream(f"{index}", iter(lambda answer=answer: answer.read(1 << 20), b""))


def load(order: dict[str, Any], source: BinaryIO) -> None:
    """Make the tables, fill them, and then make the views."""
    reader = Reader(source)
    _, first = next(reader)
    tables = json.loads(b"".join(first))
    for database in sorted({one[0] for one in tables}):
        _ask(order, f"CREATE DATABASE IF NOT EXISTS `{database}`").read()
    for _, _, engine, statement in tables:
        if "View" not in engine:
            _ask(order, statement).read()
    for index, blocks in reader:
        database, table, *_ = tables[int(index)]
        # Any number of Native blocks is one stream; an empty table has none.
        _ask(order, f"INSERT INTO {_name(database, table)} FORMAT Native", b"".join(blocks)).read()
    for _, _, engine, statement in tables:
        if "View" in engine:
            _ask(order, statement).read()
