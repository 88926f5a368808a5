"""PostgreSQL: a base backup with the log it needs, as one tar. `run_as`: a prefix of the commands, such as runuser.
`archive_dir`, the folder of the archived log, and `target_time`: the moment that a load returns to by it."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO

OFFLINE = True
TABLES = """SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"""


def _psql(order: dict[str, Any], database: str, sql: str) -> list[str]:
    command = [*order["run_as"], f"{order['programs']}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1"]
    command += ["-h", order["socket"], "-p", str(order["port"]), "-U", order["user"], "-d", database, "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=_environment(order))
    if done.returncode != 0:
        raise OSError(done.stderr.strip())
    return done.stdout.splitlines()


def _environment(order: dict[str, Any]) -> dict[str, str]:
    return {**os.environ, **({"PGPASSWORD": order["password"]} if order.get("password") else {})}


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return rows and a hash of every table of every database."""
    if order.get("target_time") and _psql(order, "postgres", "SELECT pg_is_in_recovery()") == ["t"]:
        raise OSError("PostgreSQL still reads its archived log")
    found = {}
    for database in _psql(order, "postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1"):
        for table in _psql(order, database, TABLES):
            sql = "SELECT count(*) || '|' || md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) "
            rows, _, digest = _psql(order, database, sql + f"FROM {table} t")[0].partition("|")
            found[f"{database}/{table}"] = {"rows": int(rows), "hash": digest}
    return found


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write the base backup; the log that makes it consistent is in it. Note where that log begins."""
    command = [
        *order["run_as"],
        f"{order['programs']}/pg_basebackup",
        "-D",
        "-",
        "-Ft",
        "-X",
        "fetch",
        "-c",
        "fast",
        "-v",
    ]
    command += ["-h", order["socket"], "-p", str(order["port"]), "-U", order["user"], "--no-password"]
    done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, cwd="/", env=_environment(order))
    if done.returncode != 0:
        raise OSError(f"pg_basebackup: {done.stderr.decode().strip()}")
    if start := re.search(r"start point: ([0-9A-F]+/[0-9A-F]+) on timeline", done.stderr.decode()):
        segment = f"SELECT pg_walfile_name('{start[1]}') WHERE NOT pg_is_in_recovery()"
        order["noted"] = {"wal_start": "".join(_psql(order, "postgres", segment))}


def check(order: dict[str, Any]) -> None:
    """Refuse a moment that can't be reached, before anything is touched."""
    if not (moment := order.get("target_time")):
        return
    if not order.get("archive_dir") or not Path(order["archive_dir"]).is_dir():
        raise OSError(f"restore_target_time: found no archived log ({order.get('archive_dir') or 'none'}), expected "
                      "the folder of postgresql_archive_dir; restore without a moment")  # fmt: skip
    try:
        zone = datetime.datetime.fromisoformat(moment).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise OSError(f"restore_target_time: found {moment}, expected a time with its zone, such as "
                      "2026-01-31T12:00:00+00:00")  # fmt: skip


def _return_to(order: dict[str, Any], data: Path) -> None:
    """Have the server read its archived log up to the moment, and be a primary then."""
    lines = {
        "restore_command": f'cp "{order["archive_dir"]}/%f" "%p"',
        "recovery_target_time": order["target_time"],
        "recovery_target_action": "promote",
    }
    with (data / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in lines.items())
    (data / "recovery.signal").touch(mode=0o600)


def load(order: dict[str, Any], source: BinaryIO) -> None:
    """Unpack it into the empty folder, with that folder's owner."""
    data = Path(order["data"])
    owner = data.stat()
    subprocess.run(["tar", "-x", "-C", str(data)], stdin=source, check=True)
    if order.get("target_time"):
        _return_to(order, data)
    for root, folders, files in os.walk(data):
        for name in folders + files:
            os.chown(Path(root) / name, owner.st_uid, owner.st_gid, follow_symlinks=False)
    shutil.rmtree(data / "pg_replslot", ignore_errors=True)
    (data / "pg_replslot").mkdir(mode=0o700)
    os.chown(data / "pg_replslot", owner.st_uid, owner.st_gid)
