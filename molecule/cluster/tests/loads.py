"""Who writes while things break: one writer for each store, each knowing what was acknowledged to it, and when.

A writer offers its numbers in order, and each again and again until the store says that it has it. What was offered and
not acknowledged may be there or not; what was acknowledged must be. Clients are the stores' ordinary ones.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any

import asyncpg
import nats
import redis
from nats.js.api import StreamConfig
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM, TABLE = "CLUSTER_LOAD", "cluster_load"
TRY_S = 1.0


class Load(threading.Thread):
    """Offers 0, 1, 2, ...; `times[n]` is the moment when n was acknowledged."""

    pause = 0.02

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self.trouble = ""
        self._end = threading.Event()

    def write(self, number: int) -> None:
        """Return when the store has acknowledged the number."""
        raise NotImplementedError

    def reset(self) -> None:
        """Give the connection up after any trouble."""

    def run(self) -> None:
        while not self._end.is_set():
            try:
                self.write(len(self.times))
            except Exception as error:  # whatever a broken store makes of its clients
                self.trouble = f"{type(error).__name__}: {error}"
                with suppress(Exception):
                    self.reset()
                time.sleep(0.05)
            else:
                self.times.append(time.monotonic())
                time.sleep(self.pause)
        with suppress(Exception):
            self.reset()

    def stop(self) -> None:
        self._end.set()
        self.join(30)

    def gap(self, since: float) -> float:
        """Return the longest wait for an acknowledgement from that moment on."""
        times = self.times[:]
        late = [moment for moment in times if moment >= since]
        before = next((moment for moment in reversed(times) if moment < since), since)
        return max(after - earlier for earlier, after in pairwise([before, *late, time.monotonic()]))


class Published(Load):
    """Messages to a stream of three copies, over TLS, each acknowledged with its sequence number."""

    name = "NATS"

    def __init__(self, servers: list[str], seed: str, trust: ssl.SSLContext) -> None:
        super().__init__()
        self._servers, self._seed, self._trust = itertools.cycle(servers), seed, trust
        self._runner = asyncio.Runner()
        self._client: Any = None
        self.sequences: list[int] = []

    async def connect(self) -> Any:
        client = nats.NATS()
        quiet = {"error_cb": _nothing, "closed_cb": _nothing, "disconnected_cb": _nothing}
        await asyncio.wait_for(
            client.connect(
                f"tls://{next(self._servers)}:4222", tls=self._trust, nkeys_seed_str=self._seed,
                allow_reconnect=False, connect_timeout=TRY_S, **quiet,
            ),
            2 * TRY_S,
        )  # fmt: skip
        return client

    def write(self, number: int) -> None:
        self.sequences.append(self._runner.run(self._write(number)))

    async def _write(self, number: int) -> int:
        if self._client is None:
            self._client = await self.connect()
        message = {"payload": str(number).encode(), "headers": {"Nats-Msg-Id": str(number)}}
        return int((await self._client.jetstream().publish("cluster.load", timeout=TRY_S, **message)).seq)

    def reset(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._runner.run(asyncio.wait_for(client.close(), TRY_S))

    def make(self) -> None:
        """Have the stream, empty."""

        async def make() -> None:
            client = await self.connect()
            manager = client.jetstream(timeout=10)
            with suppress(nats.js.errors.NotFoundError):
                await manager.delete_stream(STREAM)
            await manager.add_stream(StreamConfig(STREAM, subjects=["cluster.load"], num_replicas=3))
            await client.close()

        asyncio.run(make())

    def stored(self) -> list[int]:
        """Return the numbers in the stream, in its order."""

        async def read() -> list[int]:
            client = await self.connect()
            manager = client.jetstream(timeout=10)
            last = (await manager.stream_info(STREAM)).state.last_seq
            reader = await manager.subscribe("cluster.load", stream=STREAM, ordered_consumer=True)
            found: list[int] = []
            at = 0
            while at < last:
                message = await reader.next_msg(timeout=10)
                found.append(int(message.data))
                at = message.metadata.sequence.stream
            await client.close()
            return found

        return asyncio.run(read())


async def _nothing(*_: object) -> None:
    """Trouble shows in what isn't acknowledged."""


class Cached(Load):
    """Keys in the cache, each acknowledged by the primary and by its replica (WAIT 1)."""

    name = "cache"

    def __init__(self, primary: str, replica: str, password: str, authority: str) -> None:
        super().__init__()
        self._how = {
            "port": 6379, "username": "cift", "password": password, "ssl": True, "ssl_ca_certs": authority,
            "socket_timeout": 2 * TRY_S, "socket_connect_timeout": TRY_S, "retry": Retry(NoBackoff(), 0),
        }  # fmt: skip
        self._primary, self._replica = primary, replica
        self._client: Any = None

    def write(self, number: int) -> None:
        if self._client is None:
            self._client = redis.Redis(self._primary, **self._how)
        self._client.set(f"cluster:load:{number}", number)
        if self._client.wait(1, int(TRY_S * 1000)) < 1:
            raise TimeoutError("the replica didn't acknowledge it")

    def reset(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def make(self) -> None:
        """Have no key of an earlier run."""
        with redis.Redis(self._primary, **self._how) as client:
            for key in client.scan_iter("cluster:load:*", count=1000):
                client.delete(key)

    def link(self) -> str:
        """Return what the replica says of its link to the primary."""
        with redis.Redis(self._replica, **self._how) as client:
            return str(client.info("replication").get("master_link_status"))

    def stored(self, *, replica: bool) -> list[int]:
        """Return which of the acknowledged numbers the primary has, or the replica."""
        keys = [f"cluster:load:{number}" for number in range(len(self.times))]
        parts = [keys[at : at + 1000] for at in range(0, len(keys), 1000)]
        with redis.Redis(self._replica if replica else self._primary, **self._how) as client:
            found = [value for part in parts for value in client.mget(part)]
        return [int(value) for value in found if value is not None]


class Inserted(Load):
    """Rows in PostgreSQL, each its own transaction, acknowledged when it is on the primary's disk.

    The standby follows without being waited for: nothing acknowledged is lost as long as the primary comes back.
    """

    name = "PostgreSQL"

    def __init__(self, primary: str, standby: str, password: str, trust: ssl.SSLContext) -> None:
        super().__init__()
        self._how = {"database": "cift", "user": "cift", "password": password, "ssl": trust, "timeout": 2 * TRY_S}
        self._primary, self._standby = primary, standby
        self._runner = asyncio.Runner()
        self._connection: Any = None

    def write(self, number: int) -> None:
        self._runner.run(self._write(number))

    async def _write(self, number: int) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(host=self._primary, **self._how)
        insert = f"INSERT INTO {TABLE} VALUES ($1) ON CONFLICT DO NOTHING"
        await self._connection.execute(insert, number, timeout=2 * TRY_S)

    def reset(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def make(self) -> None:
        """Have the table, empty."""
        self._ask(self._primary, f"DROP TABLE IF EXISTS {TABLE}")
        self._ask(self._primary, f"CREATE TABLE {TABLE} (n bigint PRIMARY KEY)")

    def stored(self, *, standby: bool) -> list[int]:
        """Return the numbers that the primary has, or the standby."""
        rows = self._ask(self._standby if standby else self._primary, f"SELECT n FROM {TABLE} ORDER BY n")
        return [row[0] for row in rows]

    def _ask(self, host: str, statement: str) -> list[Any]:
        async def ask() -> list[Any]:
            connection = await asyncpg.connect(host=host, **self._how)
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(ask())


# On the analytics host itself, as its service is on loopback alone: prints each number that was acknowledged.
WRITER = """
import sys, time, urllib.request
password, number, statement = sys.stdin.readline().strip(), int(sys.stdin.readline()), sys.stdin.readline().strip()
def ask(text):
    who = {"X-ClickHouse-User": "cift", "X-ClickHouse-Key": password}
    wish = urllib.request.Request("http://127.0.0.1:8123/", text.encode(), who)
    return urllib.request.urlopen(wish, timeout=5).read().decode()
if number < 0:
    print(ask(statement), end="")
else:
    while True:
        ask(statement + " (%d)" % number)
        print(number, flush=True)
        number += 1
        time.sleep(0.2)
"""


class Analysed(Load):
    """Rows in the analytics engine, each its own INSERT."""

    name = "analytics"
    pause = 0.0
    TABLE = f"cift_analytics.{TABLE}"

    def __init__(self, ssh: list[str], password: str) -> None:
        super().__init__()
        alive = ["-o", "ControlPath=none", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3"]
        self._command = [ssh[0], *alive, "-o", "ConnectTimeout=2", *ssh[1:], f"python3 -c '{WRITER}'"]
        self._password = password
        self._remote: Any = None

    def write(self, number: int) -> None:
        if self._remote is None:
            self._remote = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._remote.stdin.write(f"{self._password}\n{number}\nINSERT INTO {self.TABLE} VALUES\n")
            self._remote.stdin.flush()
        line = self._remote.stdout.readline()
        if line.strip() != str(number):
            raise ConnectionError(f"the writer ended, its last word is {line!r}")

    def reset(self) -> None:
        remote, self._remote = self._remote, None
        if remote is not None:
            remote.kill()
            remote.communicate()

    def stop(self) -> None:
        self._end.set()
        if self._remote is not None:
            self._remote.kill()
        self.join(30)

    def make(self) -> None:
        """Have the table, empty."""
        self._ask("CREATE DATABASE IF NOT EXISTS cift_analytics")
        self._ask(f"DROP TABLE IF EXISTS {self.TABLE} SYNC")
        self._ask(f"CREATE TABLE {self.TABLE} (n UInt64) ENGINE = MergeTree ORDER BY n")

    def stored(self) -> list[int]:
        """Return the numbers that the engine has. One whose answer was lost is there twice, which is no loss."""
        return [int(line) for line in self._ask(f"SELECT DISTINCT n FROM {self.TABLE} ORDER BY n").split()]

    def _ask(self, statement: str) -> str:
        told = f"{self._password}\n-1\n{statement}\n"
        return subprocess.run(self._command, input=told, capture_output=True, text=True, check=True, timeout=60).stdout
