"""The cache, key by key with its end of life, by commands that any client may give: so a backup of Redis loads into
Valkey or Dragonfly. `host`, `port`, `user`, `password`, `ca` (TLS)."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any, BinaryIO

from backup_tar import Reader, Writer

READ: dict[str, tuple[list[Any], list[Any]]] = {
    "string": (["GET"], []),
    "hash": (["HGETALL"], []),
    "list": (["LRANGE"], [0, -1]),
    "set": (["SMEMBERS"], []),
    "zset": (["ZRANGE"], [0, -1, "WITHSCORES"]),
    "stream": (["XRANGE"], ["-", "+"]),
}


class Link:
    """A connection that is signed in."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._socket = socket.create_connection((order["host"], order["port"]), 30)
        if order.get("ca"):
            context = ssl.create_default_context(cafile=order["ca"])
            self._socket = context.wrap_socket(self._socket, server_hostname=order["host"])
        self._file = self._socket.makefile("rb")
        self("AUTH", order["user"], order["password"])

    def __call__(self, *words: Any) -> Any:
        """Give a command and return its answer."""
        raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in raw))
        return self._answer()

    def _answer(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the cache closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise OSError(f"the cache: {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest

    def close(self) -> None:
        """End it."""
        self._file.close()
        self._socket.close()


def _flat(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else [_flat(one) for one in value]


def _raw(value: Any) -> Any:
    return base64.b64decode(value) if isinstance(value, str) else [_raw(one) for one in value]


def _entries(link: Link) -> Iterator[list[Any]]:
    keys, cursor = set(), b"0"
    while True:
        cursor, some = link("SCAN", cursor, "COUNT", 1000)
        keys.update(some)
        if cursor == b"0":
            break
    for key in sorted(keys):
        kind = link("TYPE", key).decode()
        if kind == "none":
            continue
        if kind not in READ:
            raise OSError(f"key {key!r}: type {kind} isn't known; expected one of {', '.join(READ)}")
        before, after = READ[kind]
        value = link(*before, key, *after)
        if value is None or value == []:
            continue
        if kind == "set":
            value = sorted(value)
        elif kind == "hash":
            value = [part for pair in sorted(zip(value[::2], value[1::2], strict=True)) for part in pair]
        yield [_flat(key), kind, _flat(value), link("PEXPIRETIME", key)]


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return keys and a hash of those that live for ever; those that expire may have done so, and are counted alone."""
    link = Link(order)
    try:
        rows, digest = 0, hashlib.sha256()
        for entry in _entries(link):
            if entry[3] == -1:
                rows += 1
                digest.update(json.dumps(entry).encode())
        return {"keys": {"rows": rows, "hash": digest.hexdigest()}}
    finally:
        link.close()


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write every key."""
    link = Link(order)
    try:
        with Writer(out) as writer:
            writer.stream("keys", (json.dumps(entry).encode() for entry in _entries(link)))
    finally:
        link.close()


def load(order: dict[str, Any], source: BinaryIO) -> None:
    """Write every key back."""
    link = Link(order)
    try:
        for _, parts in Reader(source):
            for part in parts:
                key, kind, value, expires = json.loads(part)
                _put(link, _raw(key), kind, _raw(value))
                if expires != -1:
                    link("PEXPIREAT", _raw(key), expires)
    finally:
        link.close()


def _put(link: Link, key: bytes, kind: str, value: Any) -> None:
    if kind == "string":
        link("SET", key, value)
    elif kind == "stream":
        for number, fields in value:
            link("XADD", key, number, *fields)
    elif kind == "zset":
        link("ZADD", key, *[part for pair in zip(value[1::2], value[::2], strict=True) for part in pair])
    else:
        link({"hash": "HSET", "list": "RPUSH", "set": "SADD"}[kind], key, *value)
