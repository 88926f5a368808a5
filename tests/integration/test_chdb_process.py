"""The service as a process: one owner of a folder, clear refusals to start, clean stops, crashes survived."""

from __future__ import annotations

import concurrent.futures
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from tests.servers.chdb import ChdbServer, make_server

TABLE = (
    "CREATE TABLE IF NOT EXISTS d.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a "
    "SETTINGS non_replicated_deduplication_window = 1000"
)


@pytest.fixture
def server(tmp_path: Path) -> ChdbServer:
    return make_server(tmp_path)


def refusal(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 2, done.stderr
    return str(done.stderr.strip().splitlines()[-1])


def test_a_second_process_is_told_who_has_the_folder(server: ChdbServer) -> None:
    server.start()
    try:
        command = server.command()
        command[command.index("--port") + 1] = "0"
        assert f"{server.path}: another process has it open" in refusal(command)
        assert f"127.0.0.1:{server.port}: can't listen there: address already in use" in refusal(server.command())
        with server.client() as client:
            assert client.command("SELECT 1") == 1
    finally:
        assert server.stop() == 0


def test_a_folder_that_cannot_be_written(server: ChdbServer) -> None:
    server.path.touch()
    assert "chdb: found" in refusal(server.command())
    assert "expected a folder that user" in refusal(server.command())


def test_a_damaged_folder(server: ChdbServer) -> None:
    server.start()
    with server.client() as client:
        client.command("CREATE DATABASE d")
        client.command(TABLE)
    server.stop()
    definition = next((server.path / "store").rglob("t.sql"))
    definition.write_text("not SQL")
    assert f"{server.path}: the engine can't start" in refusal(server.command())
    assert "t.sql" in refusal(server.command())
    (server.path / "metadata").rename(server.path / "elsewhere")
    (server.path / "metadata").touch()
    assert "found metadata to be no folder" in refusal(server.command())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("--users", "/absent.json"), "/absent.json: No such file"),
        (("--config-file", "/absent.xml"), "--config-file: /absent.xml is no file"),
        (("--port", "70000"), "can't listen there"),
        (("--host", "192.0.2.1"), "192.0.2.1:"),
        (("--concurrency", "0"), "expected a positive number"),
    ],
)
def test_bad_options(server: ChdbServer, change: tuple[str, str], sentence: str) -> None:
    assert sentence in refusal([*server.command(), *change])
    assert not server.path.exists()


def test_a_broken_configuration(server: ChdbServer, tmp_path: Path) -> None:
    config = tmp_path / "config.xml"
    config.write_text("<clickhouse><users_config>absent.xml</users_config></clickhouse>")
    assert f"can't start with {config}: Code: 107" in refusal([*server.command(), "--config-file", str(config)])


def test_sigterm_lets_statements_finish(server: ChdbServer) -> None:
    server.start()
    with server.client() as client, concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(
            client.command, "SELECT 7 + sum(sleepEachRow(0.3)) FROM numbers(5) SETTINGS max_block_size = 1"
        )
        time.sleep(0.5)
        assert server.stop() == 0
        assert slow.result() == 7


def test_systemd_hears_when_it_is_ready(server: ChdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        server.start()
        assert channel.recv(100) == b"READY=1"
        server.stop()
        assert channel.recv(100) == b"STOPPING=1"


def test_kill_9_under_load_loses_nothing_acknowledged_and_repeats_nothing(server: ChdbServer) -> None:
    """A writer repeats every insert until it is acknowledged, with a token: each row is there once in the end."""
    server.start()
    with server.client() as client:
        client.command("CREATE DATABASE d")
        client.command(TABLE)
    stop = threading.Event()
    batches = 0

    def write() -> None:
        nonlocal batches
        client = None
        while not stop.is_set():
            rows = [(batches * 10 + i, "x") for i in range(10)]
            try:
                client = client or server.client()
                settings = {"insert_deduplication_token": f"batch-{batches}"}
                client.insert(
                    "d.t", rows, column_names=["a", "b"], column_type_names=["UInt64", "String"], settings=settings
                )
            except (OperationalError, ClickHouseError):
                time.sleep(0.05)
            else:
                batches += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            time.sleep(0.7)
            server.kill()
            server.start()
        time.sleep(0.5)
    finally:
        stop.set()
        writer.join(60)
    try:
        assert batches > 0
        with server.client() as client:
            found = client.query("SELECT count(), uniqExact(a), max(a) FROM d.t").first_row
            assert found == (batches * 10, batches * 10, batches * 10 - 1)
    finally:
        assert server.stop() == 0
