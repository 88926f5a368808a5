"""NATS: every stream with its consumers, so key-value buckets and object stores too, by JetStream's own snapshots.
`url` (any server of a cluster), `seed`, `ca` (TLS), `nodes`, how many servers there are. A cluster is saved and loaded
once, whichever its size: a loaded stream gets a copy on three servers, or on all where there are fewer. Runs in a
release's environment."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import nats
from backup_tar import Reader, Writer
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError
from pydantic import SecretStr

from cift.core.config import Settings
from cift.core.nats_client import SteadyClient, sign_in

WAIT_S = 60.0
UNAVAILABLE = 503


@asynccontextmanager
async def _client(order: dict[str, Any]) -> AsyncIterator[Client]:
    update = {"nats_url": order["url"], "nats_ca": order.get("ca") or "", "nats_seed": SecretStr(order["seed"])}
    client = SteadyClient()

    async def quiet(_: Exception) -> None:
        """Errors are raised where they happen."""

    await client.connect(
        **sign_in(Settings().model_copy(update=update)), allow_reconnect=False, connect_timeout=10, error_cb=quiet
    )
    try:
        yield client
    finally:
        await client.close()


async def _request(client: Client, subject: str, data: bytes) -> dict[str, Any]:
    """Ask a server; while those that were just started find each other, and a leader, none may answer, or only that."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        late = asyncio.get_running_loop().time() > deadline
        try:
            answer = dict(json.loads((await client.request(subject, data, timeout=WAIT_S)).data or b"{}"))
            if late or answer.get("error", {}).get("code") != UNAVAILABLE:
                return answer
        except NoRespondersError:  # then nobody has got it, and it can be sent again
            if late:
                raise
        await asyncio.sleep(0.5)


async def _ask(client: Client, subject: str, content: Any) -> dict[str, Any]:
    """Ask JetStream."""
    answer = await _request(client, subject, json.dumps(content).encode())
    if "error" in answer:
        raise OSError(f"{subject}: {answer['error'].get('description')}")
    return answer


async def _streams(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        page = await _ask(client, "$JS.API.STREAM.LIST", {"offset": len(found)})
        if silent := page.get("missing"):
            if asyncio.get_running_loop().time() > deadline:
                raise OSError(f"stream {', '.join(silent)}: found no leader after {WAIT_S:g} s, expected one")
            await asyncio.sleep(0.5)
            continue
        found += page.get("streams") or []
        if not page.get("streams") or len(found) >= page["total"]:
            return sorted(found, key=lambda one: str(one["config"]["name"]))


async def _digest(client: Client, name: str, messages: int) -> tuple[int, str]:
    """Read a stream from its first message, and again where a leader that was just elected broke it off."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        try:
            return await _read(client, name, messages)
        except (NoRespondersError, APIError):
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.5)


async def _read(client: Client, name: str, messages: int) -> tuple[int, str]:
    """Return how many of so many messages are there, and their hash; what comes meanwhile isn't waited for."""
    js, digest, seen = client.jetstream(timeout=WAIT_S), hashlib.sha256(), 0
    if not messages:
        return 0, digest.hexdigest()
    wanted = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60.0, mem_storage=True).as_dict()
    made = await _ask(client, f"$JS.API.CONSUMER.CREATE.{name}", {"stream_name": name, "config": wanted})
    pull = await js.pull_subscribe_bind(consumer=made["name"], stream=name)
    try:
        while seen < messages:
            try:
                some = await pull.fetch(min(500, messages - seen), timeout=10)
            except NatsTimeoutError:
                break
            for message in some:
                seen += 1
                row = [message.metadata.sequence.stream, message.subject, message.headers or {}]
                digest.update(json.dumps(row, sort_keys=True).encode() + message.data)
    finally:
        await _request(client, f"$JS.API.CONSUMER.DELETE.{name}.{made['name']}", b"")
    return seen, digest.hexdigest()


def _stored(stream: dict[str, Any]) -> bool:
    # JetStream has no snapshot of a stream in memory: it is gone with the server anyhow.
    return bool(stream["config"]["storage"] == "file")


async def _count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    async with _client(order) as client:
        for stream in await _streams(client):
            if _stored(stream):
                name, state = stream["config"]["name"], stream["state"]
                rows, digest = await _digest(client, name, state["messages"])
                found[name] = {"rows": rows, "hash": digest, "last_sequence": state["last_seq"]}
    return found


async def _save(order: dict[str, Any], out: BinaryIO) -> None:
    async with _client(order) as client:
        with Writer(out) as writer:
            for stream in await _streams(client):
                if _stored(stream):
                    await _snapshot(client, stream["config"]["name"], writer)


async def _snapshot(client: Client, name: str, writer: Writer) -> None:
    inbox = client.new_inbox()
    chunks = await client.subscribe(inbox)
    await client.flush()
    wanted = {"deliver_subject": inbox, "no_consumers": False, "chunk_size": 131072, "jsck": True}
    answer = await _ask(client, f"$JS.API.STREAM.SNAPSHOT.{name}", wanted)
    writer.add(f"{name}.meta", json.dumps({"config": answer["config"], "state": answer["state"]}).encode())
    number = 0
    while True:
        chunk: Msg = await chunks.next_msg(timeout=WAIT_S)
        if not chunk.data:
            status = (chunk.headers or {}).get("Status", "204")
            if status not in ("", "204"):
                raise OSError(f"stream {name}: the server broke the snapshot off: {chunk.headers}")
            break
        writer.add(f"{name}.data/{number:09d}", chunk.data)
        number += 1
        if chunk.reply:
            await client.publish(chunk.reply, b"")
    await chunks.unsubscribe()


async def _load(order: dict[str, Any], source: BinaryIO) -> None:
    async with _client(order) as client:
        subject, name = "", ""
        for part, content in Reader(source):
            data = b"".join(content)
            if part.endswith(".meta"):
                if subject:
                    await _end(client, subject, name)
                name = part.removesuffix(".meta")
                meta = json.loads(data)
                meta["config"]["num_replicas"] = min(3, order.get("nodes", 1))
                subject = await _begin(client, name, meta)
            else:
                answer = await _request(client, subject, data)
                if "error" in answer:
                    raise OSError(f"stream {name}: {answer['error']}")
        if subject:
            await _end(client, subject, name)
        await _copied(client)


async def _begin(client: Client, name: str, meta: dict[str, Any]) -> str:
    """Return where the snapshot is to be sent; servers that were just started may not have found each other yet."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        try:
            return str((await _ask(client, f"$JS.API.STREAM.RESTORE.{name}", meta))["deliver_subject"])
        except OSError as error:
            if "no suitable peers" not in str(error) or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.5)


async def _end(client: Client, subject: str, name: str) -> None:
    answer = await _request(client, subject, b"")
    if "error" in answer:
        raise OSError(f"stream {name}: {answer['error'].get('description')}")


async def _copied(client: Client) -> None:
    """Wait until every copy is as new as its leader's: only then may a server be lost."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while late := [
        f"{stream['config']['name']} on {copy['name']}"
        for stream in await _streams(client)
        for copy in stream.get("cluster", {}).get("replicas") or []
        if not copy["current"]
    ]:
        if asyncio.get_running_loop().time() > deadline:
            raise OSError(f"{', '.join(late)}: found behind after {WAIT_S:g} s, expected as new as the leader's")
        await asyncio.sleep(0.2)


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return asyncio.run(work())
    except (nats.errors.Error, TimeoutError) as error:
        raise OSError(f"NATS: {error or type(error).__name__}") from error


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return messages and a hash of every stream."""
    return dict(_run(lambda: _count(order)))


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write a snapshot of every stream."""
    _run(lambda: _save(order, out))


def load(order: dict[str, Any], source: BinaryIO) -> None:
    """Make the streams from their snapshots."""
    _run(lambda: _load(order, source))
