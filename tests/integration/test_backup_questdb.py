"""QuestDB saved while it runs, spoilt, and loaded onto a fresh folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_backup_stores import Keys, Unit, ask, done, round_trip
from tests.servers.questdb import PASSWORD, QuestDBServer
from tests.unit.role_code import load

pytestmark = pytest.mark.timeout(900)


def sql(server: QuestDBServer, statement: str) -> list[list[object]]:
    program = load("questdb/files/cift_questdb.py")
    return list(program.ask(program.settings(server.conf), statement))


@pytest.fixture
def unit(questdb_server: QuestDBServer, tmp_path: Path) -> Iterator[Unit]:
    unit = Unit(tmp_path, questdb_server.start, questdb_server.kill)
    yield unit
    unit.close()


def order(server: QuestDBServer, unit: Unit) -> dict[str, object]:
    place = {"kind": "questdb", "url": f"http://127.0.0.1:{server.port}", "user": "cift", "password": PASSWORD}
    return {**place, **unit.order(server.folder / "db")}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_the_ticks_come_back(questdb_server: QuestDBServer, unit: Unit, keys: Keys, tmp_path: Path) -> None:
    for statement in (
        "CREATE TABLE ticks (ts TIMESTAMP, symbol SYMBOL, price DOUBLE, note VARCHAR)"
        " TIMESTAMP(ts) PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, symbol)",
        "INSERT INTO ticks SELECT timestamp_sequence('2026-01-01', 10000000L), rnd_symbol('A', 'B', 'C'),"
        " rnd_double(), rnd_varchar('x', 'y', NULL) FROM long_sequence(50000)",
        "CREATE TABLE plain (a INT, b VARCHAR)",
        "INSERT INTO plain VALUES (1, 'one'), (2, 'two')",
        "CREATE TABLE empty (ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY DAY WAL",
    ):
        sql(questdb_server, statement)
    seen = round_trip(
        order(questdb_server, unit), keys, tmp_path / "questdb.age",
        lambda: sql(questdb_server, "INSERT INTO ticks VALUES ('2026-02-01', 'LATER', 1, 'x')") and None,
    )  # fmt: skip
    rows = {name: row["rows"] for name, row in seen["loaded"]["counts"].items()}
    assert rows == {"ticks": 50000, "plain": 2, "empty": 0}
    sql(questdb_server, "INSERT INTO ticks VALUES ('2026-02-02', 'NEW', 1, 'x')")
    assert done("count", order(questdb_server, unit))["counts"]["ticks"]["rows"] == 50001

    # A restore that fails leaves what was there, and no trigger that would have it read by the backup's checkpoint.
    wrong = {**seen["saved"]["counts"], "plain": {"rows": 7, "hash": "no", "exact": True}}
    failed = ask("load", {**seen["load"], "replace": True, "expected": wrong})
    assert (failed.returncode, "plain: found 2 rows" in failed.stderr) == (1, True), failed.stderr
    assert done("count", order(questdb_server, unit))["counts"]["ticks"]["rows"] == 50001
    assert not (questdb_server.folder / "_restore").exists()

    # A backup that was killed leaves a checkpoint; the next one releases it.
    sql(questdb_server, "CHECKPOINT CREATE")
    done(
        "save", {**order(questdb_server, unit), "archive": str(tmp_path / "again.age"), "recipients": [keys.recipient]}
    )
    assert sql(questdb_server, "SELECT in_progress FROM checkpoint_status()") == [[False]]
