"""PostgreSQL returned to a moment after the backup by its archived log, and that log shortened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_backup_stores import BACKUP, Keys, Unit, ask, done
from tests.servers.nats import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.postgres import _as_postgres as as_postgres
from tests.servers.postgres import _program as program

pytestmark = pytest.mark.timeout(600)


class Archived(PostgresServer):
    """A server with an archive beside its data."""

    def make(self) -> None:
        command = [program("initdb"), "-D", str(self.folder / "data"), "-U", "cift", "-A", "trust", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **as_postgres())  # type: ignore[call-overload]
        (self.folder / "archive").mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.folder / "archive", "postgres", "postgres")
        archiver = f'test ! -e "{self.folder}/archive/%f" && cp "%p" "{self.folder}/archive/%f"'
        self.parameters = ("archive_mode=on", f"archive_command={archiver}")

    def sql(self, text: str) -> str:
        psql = [program("psql"), "-XAtq", "-h", str(self.folder), "-p", str(self.port), "-U", "cift", "-d", "postgres"]
        return subprocess.run([*psql, "-c", text], check=True, capture_output=True, text=True).stdout.strip()

    def archive_all(self) -> None:
        last = self.folder / "archive" / self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        wait_for(last.exists)


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[Archived]:
    folder = Path(tempfile.mkdtemp(prefix="cift-archive-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Archived(folder, free_port())
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_the_database_returns_to_a_moment(server: Archived, tmp_path: Path) -> None:
    keys, unit = Keys(tmp_path), Unit(tmp_path, server.start, server.stop)
    order: dict[str, Any] = {"kind": "postgresql", "run_as": [], "programs": str(Path(program("psql")).parent)}
    order |= {"socket": str(server.folder), "port": server.port, "user": "cift", "archive": str(tmp_path / "pg.age")}
    order |= {**unit.order(server.folder / "data"), "archive_dir": str(server.folder / "archive")}
    try:
        server.sql("CREATE TABLE accounts AS SELECT generate_series(1, 1000) AS id")
        server.archive_all()
        older = {one.name for one in (server.folder / "archive").iterdir()}
        saved = done("save", {**order, "recipients": [keys.recipient]})
        assert all(name < saved["wal_start"] for name in older)
        server.sql("INSERT INTO accounts SELECT generate_series(1001, 1500)")
        moment = server.sql(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')"
        )
        server.sql("SELECT pg_sleep(0.05)")
        server.sql("DELETE FROM accounts")
        server.archive_all()
        load = {**order, "identity": keys.identity, "sha256": saved["sha256"], "expected": saved["counts"]}
        load["replace"] = True
        for wrong, said in (("yesterday", "a time with its zone"), ("2026-01-31T12:00:00", "a time with its zone")):
            refused = ask("load", {**load, "target_time": wrong})
            assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
        refused = ask("load", {**load, "target_time": moment, "archive_dir": ""})
        assert "restore without a moment" in refused.stderr
        assert server.sql("SELECT count(*) FROM accounts") == "0"
        loaded = done("load", {**load, "target_time": moment})
        assert loaded["counts"]["postgres/public.accounts"]["rows"] == 1500
        assert server.sql("SELECT sum(id) FROM accounts") == str(1500 * 1501 // 2)
        done("keep", load)

        # What end.yml runs: the log before the kept backup's beginning goes, and what it needs stays.
        names = {one.name for one in (server.folder / "archive").iterdir()}
        command = [f"{order['programs']}/pg_archivecleanup", str(server.folder / "archive"), saved["wal_start"]]
        subprocess.run(command, check=True)
        left = {one.name for one in (server.folder / "archive").iterdir()}
        assert names - left >= older
        assert saved["wal_start"] in left
    finally:
        unit.close()


def test_a_kept_backup_without_a_beginning_keeps_the_whole_log(tmp_path: Path) -> None:
    program_of_folder = BACKUP.with_name("backup_folder.py")

    def begins() -> str:
        command = [sys.executable, "-B", str(program_of_folder), "log", str(tmp_path), "db/postgresql"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    for name, row in (
        ("1", {"wal_start": "000000010000000000000032"}),
        ("2", {"wal_start": "00000002000000000000001E"}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "SHA256SUMS").touch()
        (tmp_path / name / "manifest.json").write_text(json.dumps({"stores": {"db/postgresql": row}}))
    # The second was made after a return to a moment before the first.
    assert begins() == "00000002000000000000001E"
    (tmp_path / "2/manifest.json").write_text('{"stores": {"db/postgresql": {}}}')
    assert begins() == ""
