"""A PostgreSQL of the old stack: a cluster of its own, set up for large questions, asked through asyncpg."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg

from cift.benchmarks.core.environments import UnavailableError
from cift.benchmarks.stacks import servers

_PACKAGE, _FOLDERS = "postgresql", "/usr/lib/postgresql/*/bin"
_USER = "bench"


@contextmanager
def cluster() -> Iterator[int]:
    """Run a server on loopback and yield its port.

    A quarter of the memory for its buffers, room to sort and hash in memory, every processor for one question: what
    its manual advises for analytics, and far more than it has by default.
    """
    initdb = servers.program("initdb", package=_PACKAGE, folders=_FOLDERS)
    server = servers.program("postgres", package=_PACKAGE, folders=_FOLDERS)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    cores = len(os.sched_getaffinity(0))
    settings = {
        "listen_addresses": "127.0.0.1",
        "shared_buffers": f"{memory // 4}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "work_mem": "256MB",
        "maintenance_work_mem": "1GB",
        "max_parallel_workers_per_gather": str(cores),
        "max_parallel_workers": str(cores),
        "max_wal_size": "8GB",
        "random_page_cost": "1.1",
    }
    account = servers.step_down("postgres")
    with servers.folder("postgres", owner="postgres") as folder:
        port = servers.free_port()
        made = subprocess.run(
            [initdb, "-D", str(folder / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            capture_output=True, text=True, check=False, **account,
        )  # fmt: skip
        if made.returncode:
            raise UnavailableError(f"initdb: {(made.stderr.strip().splitlines() or ['no message'])[0]}")
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [server, "-D", str(folder / "data"), "-p", str(port), *options]
        command += ["-c", f"unix_socket_directories={folder}"]
        with servers.running(command, port, folder / "log", **account):
            yield port


async def connect(port: int) -> asyncpg.Connection:
    """Sign in; the server may still be starting up.

    Raises:
        UnavailableError: it doesn't take the connection.
    """
    try:
        return await asyncpg.connect(host="127.0.0.1", port=port, user=_USER, database="postgres", timeout=30)
    except (OSError, asyncpg.PostgresError) as error:
        raise UnavailableError(f"PostgreSQL: {error}") from error


async def load(connection: asyncpg.Connection, table: str, rows: AsyncIterator[bytes]) -> None:
    """Make the table `ticks` by its SQL, fill it from CSV, index it by symbol and moment, and vacuum it."""
    await connection.execute(table)
    await connection.copy_to_table("ticks", source=rows, format="csv", timeout=3600)
    await connection.execute("CREATE INDEX ON ticks (symbol, ts)", timeout=3600)
    await connection.execute("VACUUM ANALYZE ticks", timeout=3600)
