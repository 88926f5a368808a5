"""A user's key at NATS is changed under load: the role's own configurations, loaded by a real server without a stop."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nkeys
import pytest
from nats.aio.client import Client
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from tests.servers.cache import CacheServer
from tests.servers.nats import free_port, seed
from tests.unit.role_render import refusals, render

USERS = ("sys", "admin", "api", "engine", "recorder", "feed", "benchmark", "leaf")
OLD = {user: seed(user).decode() for user in USERS}
NEW = {user: seed(f"new {user}").decode() for user in USERS}
LOADED = "Reloaded server configuration"


class Server:
    """A server whose configuration is replaced, and loaded by SIGHUP as its unit's reload does."""

    def __init__(self, folder: Path, port: int, first: Path) -> None:
        self.config, self.log, self.url = folder / "nats.conf", folder / "log", f"nats://127.0.0.1:{port}"
        shutil.copy(first, self.config)
        with self.log.open("ab") as log:
            binary = Path(sys.executable).with_name("nats-server")
            self.process = subprocess.Popen([binary, "-c", self.config], stdout=log, stderr=log)

    async def load(self, config: Path) -> None:
        before = self.log.read_text().count(LOADED)
        shutil.copy(config, self.config)
        self.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while self.log.read_text().count(LOADED) == before:  # noqa: ASYNC110 - the server tells its log alone
                await asyncio.sleep(0.02)

    async def connect(self, key: str, troubles: list[str]) -> Client:
        async def trouble(error: Exception) -> None:
            troubles.append(repr(error))

        async def cut() -> None:
            troubles.append("disconnected")

        return await nats.connect(
            self.url, nkeys_seed_str=key, error_cb=trouble, disconnected_cb=cut, allow_reconnect=False
        )

    async def refuses(self, key: str) -> bool:
        try:
            client = await self.connect(key, [])
        except Exception as error:  # the library raises its own base class for what the server says
            if "authorization violation" not in str(error).lower():
                raise
            return True
        await client.close()
        return False


@asynccontextmanager
async def running(folder: Path, port: int, first: Path) -> AsyncIterator[Server]:
    server = Server(folder, port, first)
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    await (await server.connect(OLD["admin"], [])).close()
                    break
                except (OSError, nats.errors.Error):
                    await asyncio.sleep(0.05)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)


def variables(folder: Path, port: int, **own: Any) -> dict[str, Any]:
    fixed = {"ansible_managed": "ours", "nats_server_name": "n1", "nats_store": str(folder / "js"), "nats_port": port}
    return fixed | {"nats_monitoring_port": free_port(), "nats_route_password": "r" * 32} | own


async def test_a_key_is_changed_without_a_refusal_or_a_lost_order(tmp_path: Path) -> None:
    port = free_port()
    base = variables(tmp_path, port)
    sets = {
        "old": base | {"nats_keys": OLD},
        "both": base | {"nats_keys": NEW, "nats_previous_keys": OLD},
        "new": base | {"nats_keys": NEW},
    }
    render("nats", sets, ["nats.conf"], tmp_path / "rendered")
    configs = {name: tmp_path / "rendered" / name / "nats.conf" for name in sets}
    texts = "".join(path.read_text() for path in configs.values())
    assert not [user for user in USERS if OLD[user] in texts or NEW[user] in texts]  # public halves alone

    async with running(tmp_path, port, configs["old"]) as server:
        troubles: list[str] = []
        admin = await server.connect(OLD["admin"], [])
        await admin.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])
        clients = [await server.connect(OLD["api"], troubles)]
        assert await server.refuses(NEW["api"])
        acknowledged, done = 0, asyncio.Event()

        async def trade() -> None:
            nonlocal acknowledged
            while not done.is_set():
                await clients[-1].jetstream().publish("orders.AAPL", b"%d" % acknowledged, timeout=20)
                acknowledged += 1

        async def more(count: int = 50) -> None:
            goal = acknowledged + count
            async with asyncio.timeout(60):
                while acknowledged < goal and not trading.done():  # noqa: ASYNC110 - a count, not an event
                    await asyncio.sleep(0.01)
            assert acknowledged >= goal, trading.exception()

        trading = asyncio.create_task(trade())
        await more()
        await server.load(configs["both"])
        await more()  # by the old key still, on the connection that it had
        for user in ("sys", "admin", "api", "engine", "recorder", "benchmark"):
            assert not await server.refuses(OLD[user])
            assert not await server.refuses(NEW[user])
        clients.append(await server.connect(NEW["api"], troubles))
        await more()
        assert troubles == []
        await clients.pop(0).drain()
        troubles.clear()  # it was told to go
        await server.load(configs["new"])
        await more()
        done.set()
        await trading
        assert troubles == []
        for user in ("sys", "admin", "api", "engine", "recorder", "benchmark"):
            assert await server.refuses(OLD[user])
            assert not await server.refuses(NEW[user])

        admin = await server.connect(NEW["admin"], [])
        assert (await admin.jetstream().stream_info("ORDERS")).state.messages == acknowledged
        for client in (admin, *clients):
            await client.close()


async def test_who_keeps_an_old_key_is_cut_off_at_the_end(tmp_path: Path) -> None:
    port = free_port()
    base = variables(tmp_path, port)
    sets = {
        "both": base | {"nats_keys": NEW, "nats_previous_keys": {user: OLD[user] for user in ("admin", "api")}},
        "new": base | {"nats_keys": NEW},
    }
    render("nats", sets, ["nats.conf"], tmp_path / "rendered")
    async with running(tmp_path, port, tmp_path / "rendered/both/nats.conf") as server:
        troubles: list[str] = []
        late = await server.connect(OLD["api"], troubles)
        await server.load(tmp_path / "rendered/new/nats.conf")
        async with asyncio.timeout(30):
            while not late.is_closed:  # noqa: ASYNC110 - the library tells nobody
                await asyncio.sleep(0.02)
        assert troubles


@pytest.mark.parametrize("previous", [{"api": NEW["api"]}, {"api": OLD["engine"], "engine": OLD["engine"]}])
def test_a_previous_key_that_is_anothers_or_still_in_use_is_refused(previous: dict[str, str], tmp_path: Path) -> None:
    wrong = variables(tmp_path, free_port(), nats_keys=NEW, nats_previous_keys=previous)
    assert "keys of which" in refusals("nats", "refuse", {"wrong": wrong}, tmp_path)["wrong"]


def test_the_keys_of_the_test_differ() -> None:
    assert len({nkeys.from_seed(key.encode()).public_key for key in [*OLD.values(), *NEW.values()]}) == 2 * len(USERS)


async def test_the_cache_takes_two_passwords_until_services_have_moved(cache_server: CacheServer) -> None:
    """The role's own list of users, loaded as its handler does it."""
    operator = {"redis_operator_password": "operator-secret"}
    rows = {
        "before": {"redis_password": "first", **operator},
        "both": {"redis_password": "second", "redis_previous_password": "first", **operator},
        "after": {"redis_password": "second", **operator},
    }
    render("redis", rows, ["cift.acl"], cache_server.folder / "rendered")
    users = cache_server.folder / "users.acl"

    def client(password: str, user: str = "cift") -> Redis:
        return Redis(host="127.0.0.1", port=cache_server.port, username=user, password=password, socket_timeout=20)

    async def load(phase: str) -> None:
        shutil.copy(cache_server.folder / "rendered" / phase / "cift.acl", users)
        async with client("operator-secret", "operator") as operator:
            assert await operator.execute_command("ACL", "LOAD") == b"OK"

    async def works(password: str) -> bool:
        try:
            async with client(password) as asking:
                return bool(await asking.ping())
        except AuthenticationError:
            return False

    shutil.copy(cache_server.folder / "rendered/before/cift.acl", users)
    cache_server.restart()
    async with client("first") as moving:
        await moving.set("counter", 0)
        for phase, passwords in (("before", [True, False]), ("both", [True, True])):
            await load(phase)
            assert [await works("first"), await works("second")] == passwords
            await moving.incr("counter")  # who was connected signs in again with what it has
    async with client("second") as moved:
        await load("after")
        assert [await works("first"), await works("second")] == [False, True]
        assert await moved.incr("counter") == 3


def test_a_refusal_says_what_can_be_rotated_and_why_the_rest_can_t(tmp_path: Path) -> None:
    common = {
        "cift_secrets_dir": str(tmp_path / "secrets"),
        "cift_vault_password_file": str(tmp_path / "vault-password"),
        "cift_clickhouse_engine": "chdb",
    }
    services = ("questdb", "pki", "postgresql", "clickhouse")
    said = refusals("rotate", "refuse", {name: common | {"rotate_service": name} for name in services}, tmp_path)
    for name in ("questdb", "pki"):
        assert f'found "{name}", expected one of nats, cache, api, postgresql, clickhouse; others' in said[name]
        assert "questdb, because it has one password for each user, and reads that of HTTP" in said[name]
        assert "pki, because each run renews certificates" in said[name]
    file = f"{tmp_path}/secrets/vault.yml"
    assert (
        f"found no cift_secret_postgresql, cift_secret_postgresql_replication in {file}, expected" in said["postgresql"]
    )
    assert f"found no cift_secret_clickhouse in {file}, expected" in said["clickhouse"]
    assert not (tmp_path / "secrets").exists()
