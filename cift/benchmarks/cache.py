"""Cache: how many GET and SET operations a second the server answers, pipelined and not, to several processes."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress

import redis

from cift.benchmarks.cache_load import VALUE, Load, drive, load
from cift.benchmarks.measure import Row, rate_row
from cift.benchmarks.profile import Profile
from cift.core.cache import trust
from cift.core.config import Settings

SECTION = "Cache Operations"
KEYS = ("cache", "cache_get", "cache_set", "cache_single")
_PIPELINE = 200
_NAMES = 100
# One process of Python can't ask as fast as many threads of a server answer.
_CONNECTIONS, _MOST_PROCESSES = 4, 8


def measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    """Return the rates of SET, GET and both mixed, and the server's name and version.

    The commands are encoded once and the answers counted in bytes, so that the server and not the client is measured.
    The keys start with `benchmark:` and are deleted afterwards.
    """
    client = redis.Redis(
        **trust(settings),
        host=settings.cache_host,
        port=settings.cache_port,
        username=settings.cache_user or None,
        password=settings.cache_password.get_secret_value() or None,
        socket_connect_timeout=3,
        socket_timeout=10,
    )
    keys = [f"benchmark:{secrets.token_hex(4)}:{index}".encode() for index in range(_NAMES)]
    processes = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
    pipelined = f"{_PIPELINE} in a pipeline"
    told = "1 process" if processes == 1 else f"{processes} processes"
    wanted = {
        "cache": (f"GET and SET, {pipelined}", [load(keys, "GS", _PIPELINE)]),
        "cache_get": (f"GET, {pipelined}", [load(keys, "G", _PIPELINE)]),
        "cache_set": (f"SET, {pipelined}", [load(keys, "S", _PIPELINE)]),
        "cache_single": ("GET and SET, one at a time", [load(keys, "G", 1), load(keys, "S", 1)]),
    }
    try:
        client.mset(dict.fromkeys(keys, VALUE))
        engine, version = _engine(client)
        rows = []
        # Not forked: this process has threads.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for key, (name, loads) in wanted.items():
                runs = [
                    _run(pool, processes, settings, loads, profile.cache_seconds)
                    for _ in range(profile.repetitions + 1)
                ]
                rows.append(rate_row(key, f"{SECTION} ({engine})", f"{name}, {told}", runs[1:]))
        return rows, {engine.lower(): version}
    finally:
        with suppress(redis.RedisError):  # what went wrong before says more
            client.delete(*keys)
        client.close()


def _engine(client: redis.Redis) -> tuple[str, str]:
    """Return the name and the version of the server behind the Redis protocol."""
    information = client.info("server")
    for field, name in (("dragonfly_version", "Dragonfly"), ("valkey_version", "Valkey"), ("redis_version", "Redis")):
        if field in information:
            return name, str(information[field])
    return "unknown engine", "unknown"


def _run(
    pool: ProcessPoolExecutor, processes: int, settings: Settings, loads: list[Load], seconds: float
) -> tuple[int, int]:
    """Send the loads from every process at once; return (operations, nanoseconds from first start to last end)."""
    connections = max(1, _CONNECTIONS // processes)
    found = [pool.submit(drive, settings, loads, connections, seconds) for _ in range(processes)]
    parts = [one.result() for one in found]
    return sum(count for count, _, _ in parts), max(end for _, _, end in parts) - min(start for _, start, _ in parts)
