"""A file's statement as a cluster runs it: the same text serves one server, chDB and many hosts.

In a cluster the tables that hold rows are in `<database>_shard`, under their own names, each host with its part. In
`<database>`, where clients look, a Distributed table of the same name stands before each of them, so that nobody who
asks or inserts needs to know how many hosts there are. Materialized views stay beside the rows that feed them, plain
views stand before the Distributed tables.

A row's shard follows from the first column of its table's sorting key. So all rows of a symbol (account, strategy) are
on one shard: there ReplacingMergeTree finds the versions of a row, and a symbol's bars are made from its ticks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cift.core.migrations import MigrationError

_MARKER = re.compile(r"\{engine:(\w*MergeTree)\}")
# One name for the table in Keeper on every replica of a shard, by the macros of the server's configuration.
_PATH = "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
# The path of a table that every host has whole: no shard in it.
_PATH_EVERYWHERE = "('/clickhouse/tables/all/{database}/{table}', '{replica}')"
_HEAD = re.compile(r"(?P<verb>CREATE (?:TABLE|MATERIALIZED VIEW|VIEW) IF NOT EXISTS|ALTER TABLE) (?P<name>\w+)")
_QUERY = re.compile(r"\s+MODIFY QUERY\b")
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window\b")


@dataclass(frozen=True, slots=True)
class Placed:
    """What to run on every host, in the shards' database or in the clients'; `table` got other columns by it."""

    sql: str
    in_shards: bool
    table: str = ""


def with_engines(sql: str, *, replicated: bool = False, everywhere: bool = False) -> str:
    """Replace `{engine:X}` by the engine for one server, or for replicas that share their metadata in Keeper.

    With `everywhere` all hosts of the cluster are replicas of one table, instead of those of a shard.
    """
    path = _PATH_EVERYWHERE if everywhere else _PATH
    return _MARKER.sub(lambda match: f"Replicated{match[1]}{path}" if replicated else match[1], sql)


def shards_database(database: str) -> str:
    """Return the name of the database whose tables hold the rows."""
    return f"{database}_shard"


def on_cluster(statement: str, cluster: str) -> Placed:
    """Render a statement of a migration for all hosts of `cluster`.

    Raises:
        MigrationError: a statement that isn't one of those which are known to do the same on every host.
    """
    head = _HEAD.match(statement)
    if head is None:
        raise MigrationError(
            f"found {statement[:40]!r}, expected ALTER TABLE or CREATE TABLE, VIEW, MATERIALIZED VIEW IF NOT EXISTS; "
            "write it so, or teach cift.core.clickhouse.cluster where in a cluster it belongs"
        )
    sql = f"{head[0]} ON CLUSTER {cluster}{statement[head.end() :]}"
    if head["verb"] == "ALTER TABLE" and _QUERY.match(statement, head.end()):
        # A materialized view: it is beside the rows that feed it, and its query is each host's own.
        return Placed(sql, in_shards=True)
    if head["verb"] == "ALTER TABLE":
        # The Distributed table is made anew from this one on every host: all of them have to know the change by then.
        return Placed(f"{sql}\nSETTINGS alter_sync = 2", in_shards=True, table=head["name"])
    if "VIEW" in head["verb"]:
        return Placed(sql, in_shards="MATERIALIZED" in head["verb"])
    # How many inserts a replicated table remembers is a setting of its own.
    sql = _WINDOW.sub("replicated_deduplication_window", with_engines(sql, replicated=True))
    return Placed(sql, in_shards=True, table=head["name"])


def distributed(table: str, sorting_key: str, database: str, cluster: str) -> str:
    """Return the statement that makes, or makes anew, the table in front of the shards' `table`; it holds no rows."""
    shards = shards_database(database)
    column = sorting_key.split(",")[0].strip()
    return (
        f"CREATE OR REPLACE TABLE `{database}`.{table} ON CLUSTER {cluster} AS `{shards}`.{table}\n"
        f"ENGINE = Distributed('{cluster}', '{shards}', '{table}', cityHash64({column}))"
    )
