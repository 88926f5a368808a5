"""A load on a cache from one process: requests encoded once, answers counted in bytes, several connections."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from time import perf_counter_ns

from cift.core.config import Settings
from cift.core.tls import client_context

VALUE = b"x" * 128
_GET_ANSWER = b"$%d\r\n%b\r\n" % (len(VALUE), VALUE)
_SET_ANSWER = b"+OK\r\n"


@dataclass(frozen=True)
class Load:
    """What is sent over and over: an encoded request of `operations` commands, and its answer's length in bytes."""

    request: bytes
    answer: int
    operations: int


def load(keys: list[bytes], kinds: str, pipeline: int) -> Load:
    """Return a load of as many commands at once, whose kinds (G for GET, S for SET) alternate over the keys."""
    request, answer = bytearray(), 0
    for index in range(pipeline):
        key = keys[index % len(keys)]
        kind = kinds[index % len(kinds)]
        request += _command(b"GET", key) if kind == "G" else _command(b"SET", key, VALUE)
        answer += len(_GET_ANSWER if kind == "G" else _SET_ANSWER)
    return Load(bytes(request), answer, pipeline)


def drive(settings: Settings, loads: list[Load], connections: int, seconds: float) -> tuple[int, int, int]:
    """Send loads for some seconds on several connections; return (operations, start, end), in monotonic nanoseconds.

    With several loads each round sends one after the other. The moments are the machine's: those of several processes
    can be compared.

    Raises:
        OSError, ValueError: a connection broke, or the server answered with an error.
    """
    opened = [_connect(settings) for _ in range(connections)]
    counts = [0] * connections
    errors: list[Exception] = []
    start = perf_counter_ns()
    end = start + int(seconds * 1e9)

    def work(index: int) -> None:
        buffers = [bytearray(one.answer) for one in loads]
        try:
            while perf_counter_ns() < end:
                for one, buffer in zip(loads, buffers, strict=True):
                    opened[index].sendall(one.request)
                    _receive(opened[index], buffer)
                    counts[index] += one.operations
        except (OSError, ValueError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = perf_counter_ns()
    for connection in opened:
        connection.close()
    if errors:
        raise errors[0]
    return sum(counts), start, done


def _command(*words: bytes) -> bytes:
    """Return one command as the Redis protocol writes it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


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
