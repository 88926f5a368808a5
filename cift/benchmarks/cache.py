"""Cache: how many GET and SET operations a second the server answers over a few pipelined connections."""

from __future__ import annotations

import secrets
import socket
import threading
from time import perf_counter_ns

import redis

from cift.benchmarks.measure import Row, rate_row
from cift.benchmarks.profile import Profile
from cift.core.cache import trust
from cift.core.config import Settings
from cift.core.tls import client_context

SECTION = "Cache Operations"
_PIPELINE = 200
_VALUE = b"x" * 128
_KEYS = 100
_CONNECTIONS = 4
_GET_ANSWER = b"$%d\r\n%b\r\n" % (len(_VALUE), _VALUE)
_SET_ANSWER = b"+OK\r\n"


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
    keys = [f"benchmark:{secrets.token_hex(4)}:{index}".encode() for index in range(_KEYS)]
    try:
        client.mset(dict.fromkeys(keys, _VALUE))
        engine, version = _engine(client)
        section = f"{SECTION} ({engine})"
        rows = []
        for row, name, kinds in (("cache", "GET and SET", "GS"), ("cache_get", "GET", "G"), ("cache_set", "SET", "S")):
            request, answer = _pipeline(keys, kinds)
            runs = [_run(settings, request, answer, profile.cache_seconds) for _ in range(profile.repetitions + 1)]
            rows.append(rate_row(row, section, f"{name}, {_PIPELINE} in a pipeline", runs[1:]))
        client.delete(*keys)
        return rows, {engine.lower(): version}
    finally:
        client.close()


def _engine(client: redis.Redis) -> tuple[str, str]:
    """Return the name and the version of the server behind the Redis protocol."""
    information = client.info("server")
    for field, name in (("dragonfly_version", "Dragonfly"), ("valkey_version", "Valkey"), ("redis_version", "Redis")):
        if field in information:
            return name, str(information[field])
    return "unknown engine", "unknown"


def _pipeline(keys: list[bytes], kinds: str) -> tuple[bytes, int]:
    """Return one encoded pipeline that alternates the kinds of command, and the length of its answer in bytes."""
    request, answer = bytearray(), 0
    for index in range(_PIPELINE):
        key = keys[index % len(keys)]
        kind = kinds[index % len(kinds)]
        request += _command(b"GET", key) if kind == "G" else _command(b"SET", key, _VALUE)
        answer += len(_GET_ANSWER if kind == "G" else _SET_ANSWER)
    return bytes(request), answer


def _command(*words: bytes) -> bytes:
    """Return one command as the Redis protocol writes it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _run(settings: Settings, request: bytes, answer: int, seconds: float) -> tuple[int, int]:
    """Send the pipeline over and over on several connections; return (operations, nanoseconds)."""
    connections = [_connect(settings) for _ in range(_CONNECTIONS)]
    counts = [0] * len(connections)
    errors: list[Exception] = []
    start = perf_counter_ns()
    end = start + int(seconds * 1e9)

    def drive(index: int) -> None:
        buffer = bytearray(answer)
        try:
            while perf_counter_ns() < end:
                connections[index].sendall(request)
                _receive(connections[index], buffer)
                counts[index] += _PIPELINE
        except (OSError, ValueError) as error:
            errors.append(error)

    threads = [threading.Thread(target=drive, args=(index,)) for index in range(len(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = perf_counter_ns() - start
    for connection in connections:
        connection.close()
    if errors:
        raise errors[0]
    return sum(counts), elapsed


def _connect(settings: Settings) -> socket.socket:
    """Return a signed-in connection."""
    connection = socket.create_connection((settings.cache_host, settings.cache_port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if settings.cache_ca:
        context = client_context(settings.cache_ca, setting="CACHE_CA")
        connection = context.wrap_socket(connection, server_hostname=settings.cache_host)
    if password := settings.cache_password.get_secret_value():
        connection.sendall(_command(b"AUTH", (settings.cache_user or "default").encode(), password.encode()))
        _receive(connection, bytearray(len(_SET_ANSWER)))
    return connection


def _receive(connection: socket.socket, buffer: bytearray) -> None:
    """Fill the buffer with one answer; an error among the answers is raised instead of counted.

    Raises:
        ValueError: the server answered with an error.
        ConnectionError: the server closed the connection.
    """
    view = memoryview(buffer)
    got = 0
    while got < len(buffer):
        count = connection.recv_into(view[got:])
        if count == 0:
            raise ConnectionError("the cache closed the connection")
        if got == 0 and buffer[:1] == b"-":
            raise ValueError(f"the cache answered {bytes(view[:count]).splitlines()[0].decode()}")
        got += count
