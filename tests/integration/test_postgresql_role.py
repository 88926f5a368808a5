"""The role's configuration on real servers: primary and standby over TLS, a promotion, an archive, and refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.role_site import ROLES, Site
from tests.servers.postgres import _program
from tests.servers.postgres_role import OWNER, SECRETS, Authority, RoleServer, own, wait_for
from tests.unit.role_code import load

standby_module = load("postgresql/library/postgresql_standby.py")
CHECKS = [load(f"setting/module_utils/setting_{name}.py") for name in ("sysctl", "machine", "rows", "checks")][-1]
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(120)
PROMOTION = ["ansible-playbook", "-i", "hosts.yml", str(ROOT / "playbooks/promote.yml")]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' user reaches, below a short path: sockets have 107 characters."""
    path = own(Path(tempfile.mkdtemp(prefix="cift-pg-")), 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def site() -> Site:
    facts = {"memtotal_mb": 4096, "processor_nproc": 2, "distribution_major_version": "12"}
    return Site({"db-1": {}, "db-2": {}}, {"relational": ["db-1", "db-2"]}, facts)


@pytest.fixture
def authority(folder: Path) -> Authority:
    return Authority(folder / "tls", "ca")


def play(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in the folder, with this checkout's roles."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(ROLES)}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "500"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


class Pair:
    """A primary `db-1` and its synchronous standby `db-2`."""

    def __init__(self, folder: Path, site: Site, authority: Authority) -> None:
        certificate, key = authority.issue("postgresql", "127.0.0.1")
        tls = {"postgresql_tls": True, "postgresql_tls_ca": str(authority.certificate)}
        tls |= {"postgresql_tls_certificate": str(certificate), "postgresql_tls_key": str(key)}
        own_rows = {"database": "replication", "user": "cift_replication", "networks": ["127.0.0.1/32"]}
        common = {**tls, "postgresql_access": [own_rows]}
        archive = {"postgresql_archive_dir": str(folder / "archive")}
        self.primary = RoleServer(
            folder / "db-1", "db-1", site, {**common, **archive, "postgresql_synchronous_standbys": ["db-2"]}
        )
        self.standby = RoleServer(folder / "db-2", "db-2", site, common)
        follow = {"postgresql_primary_host": "127.0.0.1", "postgresql_primary_port": self.primary.port}
        self.standby.extra = {**common, **follow}

    def begin(self, *, bare: bool = False) -> None:
        """Start the primary, bare or with its roles, and have the standby's host configured but without a cluster."""
        self.primary.initdb()
        self.primary.configure()
        self.primary.start()
        if not bare:
            self.primary.as_the_role_does()
        self.standby.configure()

    def make_standby(self, **change: Any) -> str:
        """Run the role's module; returns the state that it found, as the play would see it."""
        parameters = {
            "data": str(self.standby.data),
            "programs": str(Path(_program("postgres")).resolve().parent),
            "conninfo": self.standby.value("__postgresql_conninfo | trim"),
            "slot": self.standby.value("__postgresql_slot"),
            "run_as": OWNER,
            "least": {"max_connections": 100, "max_worker_processes": 8, "max_wal_senders": 10},
            "rebuild": False,
            **change,
        }
        state = standby_module.state_of(self.standby.data)
        standby_module.refuse(self.standby.data, state, parameters["conninfo"], parameters["rebuild"])
        if state != "standby" or parameters["rebuild"]:
            return str(standby_module.make(parameters, state))
        return "unchanged"

    def promote(self, folder: Path, host: RoleServer, *words: str) -> subprocess.CompletedProcess[str]:
        """Run playbooks/promote.yml against the server, as an operator does."""
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        (folder / "hosts.yml").write_text(json.dumps({"relational": {"hosts": {host.host: variables}}}))
        extra = {"promote_host": host.host, "postgresql_promotion_wait": 5, "__postgresql_account": OWNER}
        extra |= {"postgresql_socket_dir": str(host.root), "postgresql_port": host.port}
        extra["__postgresql_isready"] = _program("pg_isready")
        return play(folder, *PROMOTION, "-e", json.dumps(extra), *words)


@pytest.fixture
def pair(folder: Path, site: Site, authority: Authority) -> Iterator[Pair]:
    made = Pair(folder, site, authority)
    try:
        made.begin()
        yield made
    finally:
        for server in (made.primary, made.standby):
            server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="the tasks become the server's owner, which needs root")
def test_the_role_s_own_tasks_make_database_roles_and_slots_once(
    folder: Path, site: Site, authority: Authority
) -> None:
    """With a synchronous standby that isn't there yet: nothing may wait for it."""
    made = Pair(folder, site, authority)
    try:
        made.begin(bare=True)
        # Debian's own Python has psycopg2 (python3-psycopg2), as on a host.
        first = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        (folder / "hosts.yml").write_text(json.dumps({"relational": {"hosts": {"db-1": first, "db-2": {}}}}))
        tasks = [{"include_role": {"name": "postgresql", "tasks_from": part}} for part in ("refuse", "primary")]
        (folder / "play.yml").write_text(json.dumps([{"hosts": "db-1", "gather_facts": False, "tasks": tasks}]))
        command = ["ansible-playbook", "-i", "hosts.yml", "play.yml", "-e", json.dumps(made.primary.variables)]
        for changed in ("changed=4", "changed=0"):
            done = play(folder, *command)
            assert done.returncode == 0, done.stdout + done.stderr
            assert changed in done.stdout
            assert not any(secret in done.stdout for secret in SECRETS.values())
        assert made.primary.sql("SELECT slot_name FROM pg_replication_slots") == "db_2"
        query = "SELECT rolreplication, rolsuper FROM pg_roles WHERE rolname LIKE 'cift%' ORDER BY rolname"
        assert made.primary.sql(query).split() == ["f|f", "t|f"]
    finally:
        made.primary.stop()


async def connect(server: RoleServer, **words: Any) -> asyncpg.Connection:
    words = {"ssl": "require", "password": SECRETS["postgresql_password"], "user": "cift", "database": "cift"} | words
    return await asyncpg.connect(host="127.0.0.1", port=server.port, timeout=20, **words)


def psql(server: RoleServer, how: str) -> subprocess.CompletedProcess[str]:
    """Connect by libpq, with its words for TLS."""
    where = f"host=127.0.0.1 port={server.port} user=cift dbname=cift {how}"
    environment = {**os.environ, "PGPASSWORD": SECRETS["postgresql_password"]}
    command = [_program("psql"), "-XAt", where, "-c", "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def verified(server: RoleServer) -> dict[str, str]:
    """Read back by the role's own checks, those that need neither systemd nor root's files; returns verdicts."""
    checks = [check for check in server.value("__postgresql_checks") if check["kind"] == "command"]
    return {
        row["setting"]: f"{row['verdict']} {row['live']}" for check in checks for row in CHECKS.check_command(check)
    }


async def test_nothing_acknowledged_is_lost_when_the_primary_is_killed(pair: Pair, folder: Path) -> None:
    assert pair.make_standby() == ""
    pair.standby.start()
    assert pair.make_standby() == "unchanged"
    wait_for(lambda: "quorum" in pair.primary.sql("SELECT sync_state FROM pg_stat_replication"))
    for server in (pair.primary, pair.standby):
        rows = verified(server)
        assert {name: row for name, row in rows.items() if not row.startswith("pass ")} == {}
        assert len(rows) >= 5
    assert pair.primary.sql("SELECT ssl FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)") == "t"

    connection = await connect(pair.primary)
    await connection.execute("CREATE TABLE ledger (number bigint PRIMARY KEY)")
    acknowledged = 0
    killed = False
    try:
        while True:
            await connection.execute("INSERT INTO ledger VALUES ($1)", acknowledged + 1)
            acknowledged += 1
            if acknowledged == 200:
                assert int(pair.standby.sql("SELECT count(*) FROM ledger", "cift")) >= 199
                refused = pair.promote(folder, pair.standby)
                assert refused.returncode != 0
                assert "found the old primary answering, expected no answer" in refused.stdout
                assert pair.standby.sql("SELECT pg_is_in_recovery()") == "t"
                pair.primary.stop(signal.SIGKILL)
                killed = True
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
        assert killed
    promoted = pair.promote(folder, pair.standby)
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert "is the primary and accepts writes" in promoted.stdout
    connection = await connect(pair.standby)
    numbers = {row[0] for row in await connection.fetch("SELECT number FROM ledger")}
    assert set(range(1, acknowledged + 1)) <= numbers
    await connection.execute("INSERT INTO ledger VALUES (1000000)")
    await connection.close()

    again = pair.promote(folder, pair.standby)
    assert "found a primary that accepts writes, expected a standby" in again.stdout
    with pytest.raises(standby_module.StandbyError, match="found a primary with data of its own"):
        pair.make_standby()


def test_a_former_primary_is_put_aside_and_follows(pair: Pair, folder: Path) -> None:
    pair.make_standby()
    pair.standby.start()
    pair.primary.stop()
    assert pair.promote(folder, pair.standby).returncode == 0
    # What the inventory says from then on.
    old, new = pair.primary, pair.standby
    new.extra = {name: value for name, value in new.extra.items() if not name.startswith("postgresql_primary_")}
    new.configure()
    new.stop()
    new.start()
    new.sql("SELECT pg_create_physical_replication_slot('db_1', true)")
    old.extra = {**new.extra, "postgresql_primary_host": "127.0.0.1", "postgresql_primary_port": new.port}
    old.configure()
    pair.standby, pair.primary = old, new
    with pytest.raises(standby_module.StandbyError, match="postgresql_standby_rebuild=true"):
        pair.make_standby()
    aside = Path(pair.make_standby(rebuild=True))
    assert (aside / "PG_VERSION").exists()
    old.start()
    new.sql("CREATE TABLE later (number int)", "cift")
    wait_for(lambda: old.sql("SELECT count(*) FROM pg_class WHERE relname = 'later'", "cift") == "1")


def test_a_promotion_waits_for_what_was_received(pair: Pair, folder: Path) -> None:
    pair.make_standby()
    pair.standby.start()
    wait_for(lambda: pair.primary.sql("SELECT state FROM pg_stat_replication") == "streaming")
    pair.standby.sql("SELECT pg_wal_replay_pause()")
    wait_for(lambda: pair.standby.sql("SELECT pg_get_wal_replay_pause_state()") == "paused")
    pair.primary.sql("CREATE TABLE late AS SELECT generate_series(1, 1000)", "cift")
    pair.primary.stop(signal.SIGKILL)
    refused = pair.promote(folder, pair.standby)
    assert refused.returncode != 0
    assert "bytes of the log received and not yet replayed" in refused.stdout
    forced = pair.promote(folder, pair.standby, "-e", "promotion_forced=true")
    assert forced.returncode == 0, forced.stdout
    assert pair.standby.sql("SELECT count(*) FROM late", "cift") == "1000"


async def test_plain_text_and_a_wrong_authority_are_refused(pair: Pair, folder: Path) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await connect(pair.primary, ssl=False)
    good = psql(pair.primary, f"sslmode=verify-full sslrootcert={pair.primary.extra['postgresql_tls_ca']}")
    assert good.stdout.strip() == "TLSv1.3", good.stderr
    wrong = Authority(folder / "wrong", "wrong").certificate
    assert "certificate verify failed" in psql(pair.primary, f"sslmode=verify-full sslrootcert={wrong}").stderr
    assert "protocol version" in psql(pair.primary, "sslmode=require ssl_max_protocol_version=TLSv1.2").stderr
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(pair.primary, password="wrong")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await connect(pair.primary, database="postgres")
    pair.standby.extra["postgresql_tls_ca"] = str(wrong)
    with pytest.raises(standby_module.StandbyError, match="certificate verify failed"):
        pair.make_standby()
    assert not pair.standby.data.exists()
    assert [path.name for path in pair.standby.root.glob("data*")] == []


def test_a_standby_that_is_too_small_is_refused(pair: Pair) -> None:
    with pytest.raises(standby_module.StandbyError, match="found 10, expected at least 100"):
        pair.make_standby(least={"max_connections": 10})
    assert list(pair.standby.root.glob("data*")) == []


def test_a_fresh_cluster_makes_way(pair: Pair) -> None:
    pair.standby.initdb()
    assert standby_module.state_of(pair.standby.data) == "fresh"
    assert pair.make_standby() == ""
    assert standby_module.state_of(pair.standby.data) == "standby"
    assert [path.name for path in pair.standby.root.glob("data*")] == ["data"]


def test_the_archive_restores_to_a_moment(pair: Pair, folder: Path, site: Site) -> None:
    primary = pair.primary
    # Nobody waits for a standby here.
    primary.extra["postgresql_synchronous_standbys"] = []
    primary.configure()
    primary.sql("SELECT pg_reload_conf()")
    site.hosts["db-3"] = {}
    restored = RoleServer(folder / "db-3", "db-3", site, {**primary.extra, "postgresql_archive_dir": ""})
    backup = ["-h", str(primary.root), "-p", str(primary.port), "-D", str(restored.data), "-X", "none"]
    restored._run("pg_basebackup", *backup, "--checkpoint=fast", "--no-sync")
    primary.sql("CREATE TABLE kept AS SELECT generate_series(1, 500) AS number")
    moment = primary.sql("SELECT clock_timestamp()")
    primary.sql("SELECT pg_sleep(0.05)")
    primary.sql("DELETE FROM kept")
    last = primary.sql("SELECT pg_walfile_name(pg_switch_wal())")
    wait_for(lambda: (folder / "archive" / last).exists())
    assert primary.sql("SELECT failed_count FROM pg_stat_archiver") == "0"
    restored.configure()
    with (restored.etc / "postgresql.conf").open("a") as file:
        file.write(f'restore_command = \'cp "{folder}/archive/%f" "%p"\'\n')
        file.write(f"recovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n")
    (restored.data / "recovery.signal").touch()
    own(restored.data / "recovery.signal", 0o600)
    try:
        restored.start()
        wait_for(lambda: restored.sql("SELECT pg_is_in_recovery()") == "f")
        assert restored.sql("SELECT count(*), sum(number) FROM kept") == "500|125250"
    finally:
        restored.stop()
    assert primary.sql("SELECT count(*) FROM kept") == "0"
