"""A QuestDB without room is asked again, for so long; a mock speaks for it, as a real one is not full at will."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.unit.role_code import load


@contextmanager
def mock_questdb(statuses: list[int]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Answer with these statuses, the last of them for ever; give the order that leads here, and what was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(statuses[min(len(asked), len(statuses)) - 1])
            self.end_headers()
            self.wfile.write(b"name\nticks\n")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield {"url": f"http://127.0.0.1:{server.server_port}", "user": "a", "password": "b"}, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_that_has_no_room_is_asked_again() -> None:
    questdb = load("backup/files/backup_questdb.py")
    with mock_questdb([429, 429, 200]) as (order, asked):
        assert questdb._rows(order, "SELECT 1") == [["ticks"]]
        assert len(asked) == 3


def test_a_server_that_never_has_room_and_one_that_refuses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    questdb = load("backup/files/backup_questdb.py")
    monkeypatch.setattr(questdb, "ROOM_S", 0.3)
    with mock_questdb([429]) as (order, asked), pytest.raises(OSError, match="QuestDB: SELECT 1: 429 name"):
        questdb._rows(order, "SELECT 1")
    assert len(asked) > 1
    with mock_questdb([403, 200]) as (order, asked), pytest.raises(OSError, match="403"):
        questdb._rows(order, "SELECT 1")
    assert len(asked) == 1
