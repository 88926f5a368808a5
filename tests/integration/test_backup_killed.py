"""kill -9 in the middle of a backup and of a restore, and what the next run finds and does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_backup_stores import BACKUP, ROOT, Keys, Unit, done, nats_call, nats_order
from tests.servers.nats import NatsServer

pytestmark = pytest.mark.timeout(600)
ROWS = 60  # of half a MiB each: long enough in the middle to be killed there


async def fill(js: Any) -> None:
    await js.add_stream(name="ORDERS", subjects=["orders.*"])
    for _ in range(ROWS):
        await js.publish("orders.AAPL", os.urandom(1 << 19))
        await asyncio.sleep(0)


@pytest.fixture
def unit(nats_server: NatsServer, tmp_path: Path) -> Iterator[Unit]:
    unit = Unit(tmp_path, nats_server.start, nats_server.stop)
    yield unit
    unit.close()


def killed(action: str, order: dict[str, Any], middle: Callable[[], bool]) -> None:
    """Start the program and end it by kill -9 as soon as it is in the middle."""
    command = [sys.executable, "-B", str(BACKUP), action]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
        deadline = time.monotonic() + 120
        while not middle():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        assert process.wait(60) == -signal.SIGKILL


def test_a_killed_backup_is_no_backup_and_the_next_is_whole(
    nats_server: NatsServer, unit: Unit, tmp_path: Path
) -> None:
    nats_call(nats_server, fill)
    keys, archive = Keys(tmp_path), tmp_path / "nats.age"
    order = {**nats_order(nats_server, unit), "archive": str(archive), "recipients": [keys.recipient]}
    killed("save", order, archive.with_name("nats.age.part").exists)
    assert not archive.exists()
    assert done("count", order)["counts"]["ORDERS"]["rows"] == ROWS
    assert done("save", order)["counts"]["ORDERS"] == {**done("count", order)["counts"]["ORDERS"], "exact": True}
    assert not archive.with_name("nats.age.part").exists()


def test_a_killed_restore_is_taken_back_or_done_again(nats_server: NatsServer, unit: Unit, tmp_path: Path) -> None:
    nats_call(nats_server, fill)
    keys, aside = Keys(tmp_path), nats_server.folder / "js.restore-aside"
    order = {**nats_order(nats_server, unit), "archive": str(tmp_path / "nats.age")}
    saved = done("save", {**order, "recipients": [keys.recipient]})
    nats_call(nats_server, lambda js: js.publish("orders.AAPL", b"later"))
    load = {**order, "identity": keys.identity, "sha256": saved["sha256"], "expected": saved["counts"]}
    load["replace"] = True
    # Once taken back by hand, once by the next restore.
    killed("load", load, aside.exists)
    assert done("undo", load) == {"undone": True}
    assert not aside.exists()
    assert done("count", order)["counts"]["ORDERS"]["rows"] == ROWS + 1
    killed("load", load, aside.exists)
    assert done("load", load)["counts"]["ORDERS"] == done("count", order)["counts"]["ORDERS"]
    assert done("count", order)["counts"]["ORDERS"]["hash"] == saved["counts"]["ORDERS"]["hash"]
    kept = Path(done("keep", load)["aside"])
    assert kept.is_dir()
