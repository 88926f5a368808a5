"""PostgreSQL's passwords are changed by the role's own tasks while services sign in without a pause."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from cift.core.database import Database, DatabaseUnavailable
from tests.role_site import ROLES, Site
from tests.servers.postgres_role import SECRETS, RoleServer, own, wait_for

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="the tasks become the server's owner, which needs root"),
]

OLD, NEW = SECRETS["postgresql_password"], "n" * 32
OLD_STANDBY, NEW_STANDBY = SECRETS["postgresql_replication_password"], "s" * 32
# As the inventory's variables are before a rotation, while both are known, and after it.
BEFORE = {"postgresql_password": OLD, "postgresql_replication_password": OLD_STANDBY}
AFTER = {"postgresql_password": NEW, "postgresql_replication_password": NEW_STANDBY}
BOTH = AFTER | {
    "postgresql_previous_password": OLD,
    "postgresql_previous_replication_password": OLD_STANDBY,
}


@dataclass
class Primary(RoleServer):
    """A server whose roles are made and changed by the role's own tasks."""

    async def apply(self, phase: dict[str, str], *, status: int = 0) -> str:
        """Run the tasks as site.yml does, while others go on; returns what was said."""
        tasks = [{"include_role": {"name": "postgresql", "tasks_from": part}} for part in ("refuse", "primary")]
        local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        hosts = {"relational": {"hosts": {"db-1": local, "db-2": {}}}}
        for name, content in (
            ("hosts.yml", hosts),
            ("play.yml", [{"hosts": "db-1", "gather_facts": False, "tasks": tasks}]),
            ("variables.yml", self.variables | phase),
        ):
            (self.root / name).write_text(json.dumps(content))
        program = Path(sys.executable).with_name("ansible-playbook")
        words = ["-i", "hosts.yml", "play.yml", "-e", "@variables.yml", "-vvv", "--diff"]
        environment = {"ANSIBLE_CONFIG": str(ROLES.parent / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(ROLES)}
        running = await asyncio.create_subprocess_exec(
            program, *words, cwd=self.root, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, error = await running.communicate()
        assert running.returncode == status, (out + error).decode()
        return out.decode()

    def database(self, password: str, previous: str = "") -> Database:
        return Database(
            host="127.0.0.1", port=self.port, name="cift", user="cift", password=password, previous_password=previous,
            max_size=1, timeout=30,
        )  # fmt: skip

    async def takes(self, password: str, user: str = "cift") -> bool:
        try:
            one = await asyncpg.connect(
                host="127.0.0.1", port=self.port, database="cift", user=user, password=password, ssl=False
            )
        except asyncpg.InvalidPasswordError:
            return False
        await one.close()
        return True


@dataclass
class Writer:
    """A service that makes a connection for every row, as one that was just restarted would; counts what it wrote."""

    database: Database
    rows: int = 0
    refused: list[str] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.done.is_set():
            try:
                async with self.database, self.database.connection() as connection:
                    await connection.execute("INSERT INTO written VALUES (1)")
                self.rows += 1
            except DatabaseUnavailable as error:
                self.refused.append(str(error))

    async def more(self, count: int = 20) -> None:
        goal = self.rows + count
        async with asyncio.timeout(60):
            while self.rows < goal:  # noqa: ASYNC110 - a count, not an event
                await asyncio.sleep(0.01)


@pytest.fixture
def primary() -> Iterator[Primary]:
    """A server on a short path (sockets have 107 characters), with the old passwords' rules of who may connect."""
    folder = own(Path(tempfile.mkdtemp(prefix="cift-pg-")), 0o755)
    facts = {"memtotal_mb": 4096, "processor_nproc": 2, "distribution_major_version": "12"}
    site = Site({"db-1": {}, "db-2": {}}, {"relational": ["db-1", "db-2"]}, facts)
    standbys = {"database": "cift", "user": "cift_replication", "networks": ["127.0.0.1/32"]}
    server = Primary(folder / "db-1", "db-1", site, {"postgresql_access": [standbys]})
    try:
        server.initdb()
        server.configure()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


async def test_passwords_are_changed_without_a_refusal_or_a_lost_row(primary: Primary) -> None:
    said = await primary.apply(BEFORE)
    primary.sql("CREATE TABLE written (one int); ALTER TABLE written OWNER TO cift", database="cift")
    before, both = Writer(primary.database(OLD)), Writer(primary.database(NEW, OLD))
    tasks = [asyncio.create_task(before.run())]
    await before.more()

    said += await primary.apply(BOTH)  # nothing changes here: who has the old password alone still works
    await before.more()
    assert await primary.takes(OLD_STANDBY, "cift_replication")
    tasks.append(asyncio.create_task(both.run()))  # services restart, and know both
    await both.more()
    before.done.set()
    await tasks[0]

    said += await primary.apply(AFTER)
    await both.more()
    after = Writer(primary.database(NEW))
    tasks.append(asyncio.create_task(after.run()))
    await after.more()
    for writer in (both, after):
        writer.done.set()
    await asyncio.gather(*tasks)

    assert [writer.refused for writer in (before, both, after)] == [[], [], []]
    assert int(primary.sql("SELECT count(*) FROM written", database="cift")) == before.rows + both.rows + after.rows
    for user, old, new in (("cift", OLD, NEW), ("cift_replication", OLD_STANDBY, NEW_STANDBY)):
        assert [await primary.takes(old, user), await primary.takes(new, user)] == [False, True]
    log = (primary.root / "log").read_text()
    assert not [secret for secret in (OLD, NEW, OLD_STANDBY, NEW_STANDBY) if secret in said + log]


async def test_a_password_that_could_not_be_set_is_in_no_log(primary: Primary) -> None:
    primary.sql("ALTER SYSTEM SET log_statement = 'all'", then="ALTER SYSTEM SET default_transaction_read_only = on")
    primary.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SHOW default_transaction_read_only") == "on")
    said = await primary.apply(BEFORE, status=2)
    log = (primary.root / "log").read_text()
    assert "cannot execute CREATE ROLE in a read-only transaction" in log
    assert OLD not in said + log


async def test_a_change_between_two_tries_is_no_refusal(primary: Primary) -> None:
    """The server changes over to and fro all the time: whichever moment it is, a service gets in."""
    await primary.apply(BEFORE)
    primary.sql("CREATE TABLE written (one int); ALTER TABLE written OWNER TO cift", database="cift")
    writer = Writer(primary.database(NEW, OLD))
    task = asyncio.create_task(writer.run())
    await writer.more()
    # A change every 300 ms: seldom enough for three tries to see one of them at most.
    for password in (NEW, OLD) * 15:
        await asyncio.to_thread(primary.sql, f"ALTER ROLE cift PASSWORD '{password}'")
        await asyncio.sleep(0.3)
    writer.done.set()
    await task
    assert writer.refused == []


def test_a_standby_shows_what_the_primary_takes(primary: Primary) -> None:
    files = [
        primary.site.render("postgresql", "db-2", "replication.pgpass.j2", **primary.variables | phase).strip()
        for phase in (BEFORE, BOTH, AFTER)
    ]
    assert files == [f"*:*:*:cift_replication:{word}" for word in (OLD_STANDBY, OLD_STANDBY, NEW_STANDBY)]
