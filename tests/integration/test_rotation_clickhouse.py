"""Passwords at ClickHouse are changed under load: chDB's service reads its users again, a server's file has both."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cift.core.clickhouse.connection import ClickHouseError, Connection
from cift.core.config import Settings
from tests.servers.chdb import ChdbServer, free_port
from tests.servers.clickhouse_config import ask, install
from tests.servers.clickhouse_config import render as render_server
from tests.unit.role_render import render

PHASES = {
    "before": {"chdb_users": {"cift": "first"}},
    "both": {"chdb_users": {"cift": "second"}, "chdb_previous_passwords": {"cift": "first", "api": "", "gone": "x"}},
    "after": {"chdb_users": {"cift": "second"}},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChdbServer]:
    """The real service, with the users that the role writes before a rotation."""
    render("chdb", PHASES, ["users.json"], tmp_path / "rendered")
    users = tmp_path / "users.json"
    shutil.copy(tmp_path / "rendered/before/users.json", users)
    made = ChdbServer(tmp_path / "chdb", free_port(), users)
    made.start()
    yield made
    assert made.stop() == 0


def load(server: ChdbServer) -> None:
    """Have the file of users read, as the unit's reload does."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGHUP)


async def takes(server: ChdbServer, password: str) -> bool:
    one = Connection(settings(server, password), database=None)
    try:
        await one.open()
    except ClickHouseError as error:
        if error.code != 516:
            raise
        return False
    await one.close()
    return True


async def becomes(server: ChdbServer, *wanted: bool) -> None:
    async with asyncio.timeout(20):
        while [await takes(server, "first"), await takes(server, "second")] != list(wanted):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.02)


def settings(server: ChdbServer, password: str) -> Settings:
    return Settings.model_validate(server.environment | {"CLICKHOUSE_PASSWORD": password})


async def test_a_password_is_changed_without_a_refusal_or_a_lost_row(server: ChdbServer, tmp_path: Path) -> None:
    owner = Connection(settings(server, "first"), database=None)
    await owner.open()
    await owner.command("CREATE DATABASE d")
    await owner.command("CREATE TABLE d.written (one UInt8) ENGINE = MergeTree ORDER BY one")
    rows = dict.fromkeys(("first", "second"), 0)
    done = {password: asyncio.Event() for password in rows}

    async def write(password: str) -> None:
        """As a service that was just restarted, for every row."""
        while not done[password].is_set():
            one = Connection(settings(server, password), database=None)
            await one.open()
            await one.command("INSERT INTO d.written VALUES (1)")
            await one.close()
            rows[password] += 1

    async def more(password: str, count: int = 10) -> None:
        goal = rows[password] + count
        async with asyncio.timeout(60):
            while rows[password] < goal and not any(task.done() for task in tasks):  # noqa: ASYNC110 - a count
                await asyncio.sleep(0.01)
        assert rows[password] >= goal, [task for task in tasks if task.done()]

    tasks = [asyncio.create_task(write("first"))]
    await more("first")
    assert not await takes(server, "second")
    shutil.copy(tmp_path / "rendered/both/users.json", server.users)
    load(server)
    await becomes(server, True, True)
    await more("first")
    done["first"].set()
    await tasks.pop()
    tasks.append(asyncio.create_task(write("second")))
    await more("second")
    shutil.copy(tmp_path / "rendered/after/users.json", server.users)
    load(server)
    await becomes(server, False, True)
    await more("second")
    done["second"].set()
    await tasks.pop()
    await owner.close()
    owner = Connection(settings(server, "second"), database=None)
    await owner.open()
    assert await owner.command("SELECT count() FROM d.written") == sum(rows.values())
    await owner.close()


async def test_a_broken_file_of_users_shuts_nobody_out(server: ChdbServer) -> None:
    server.users.write_text("{")
    load(server)
    async with asyncio.timeout(20):
        while "those of before may sign in still" not in server.log.read_text():  # noqa: ASYNC110 - it tells its log
            await asyncio.sleep(0.02)
    assert await takes(server, "first")


def test_a_server_reads_both_passwords_of_a_user(tmp_path: Path) -> None:
    rendered = render_server(
        tmp_path, {"ch1": {}}, ["clickhouse refuse", "clickhouse configure"], cift_previous_clickhouse={"api": "old"}
    )
    assert rendered.status == 0, rendered.output
    install(rendered.server("ch1"))
    (users,) = ask(
        rendered.server("ch1"), "SELECT name, auth_type FROM system.users WHERE name != 'default' ORDER BY name"
    )
    one = ["sha256_password"]
    assert users == [["api", one * 2], ["benchmark", one], ["cift", one], ["recorder", one]]
