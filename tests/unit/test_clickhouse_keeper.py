"""The group of Keepers: what can't decide is refused; and the program that asks one of them."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.role_code import ROLES, load

problems = load("clickhouse_keeper/filter_plugins/clickhouse_keeper_filters.py").clickhouse_keeper_problems
PROGRAM = ROLES / "clickhouse_keeper/files/cift_keeper.py"


def group(*numbers: Any, mode: str = "separate") -> dict[str, dict[str, Any]]:
    return {
        f"k{place}": {"clickhouse_keeper_mode": mode, "clickhouse_keeper_server_id": number}
        for place, number in enumerate(numbers, start=1)
    }


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3), (7, 3, 5, 1, "2")])
def test_an_odd_number_with_a_number_each(numbers: tuple[Any, ...]) -> None:
    hosts = group(*numbers)
    assert problems(list(hosts), hosts, []) == []
    embedded = group(*numbers, mode="embedded")
    assert problems(list(embedded), embedded, list(embedded)) == []


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((1, 2), "found 2 (k1, k2), expected an odd number"),
        ((1, 2, 3, 4), "found 4 (k1, k2, k3, k4), expected an odd number"),
        ((1, 2, 2), "clickhouse_keeper_server_id: found 2 on k2 and k3, expected each number once"),
        ((1, "1", 2), "clickhouse_keeper_server_id: found 1 on k1 and k2"),
        ((1, 2, 0), "clickhouse_keeper_server_id of k3: found 0, expected a whole number from 1 on"),
        ((1, 2, "x"), "clickhouse_keeper_server_id of k3: found 'x', expected"),
    ],
)
def test_what_cannot_decide(numbers: tuple[Any, ...], sentence: str) -> None:
    hosts = group(*numbers)
    said = problems(list(hosts), hosts, [])
    assert len(said) == 1
    assert sentence in said[0]
    assert ";" in said[0] or "give all" in said[0]


def test_packages_that_exclude_each_other() -> None:
    hosts = group(1)
    assert "found separate on a host of the ClickHouse server" in problems(["k1"], hosts, ["k1"])[0]
    hosts = group(1, mode="embedded")
    assert "found embedded on a host without the ClickHouse server" in problems(["k1"], hosts, [])[0]


class Stand(socketserver.BaseRequestHandler):
    """Stands in for a Keeper, which can't be had here: answers a word and hangs up, as its documentation says."""

    def handle(self) -> None:
        word = self.request.recv(4).decode()
        self.request.sendall({"ruok": b"imok", "mntr": b"zk_server_state\tfollower\n"}[word])


@pytest.fixture
def port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stand) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def run(port: int, *words: str) -> tuple[int, str]:
    command = [sys.executable, str(PROGRAM), "127.0.0.1", str(port), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout


def test_the_program_asks(port: int) -> None:
    assert run(port, "ruok", "--want", "imok") == (0, "imok")
    assert run(port, "mntr", "--want", "zk_server_state\tleader|zk_server_state\tfollower")[0] == 0
    assert run(port, "mntr", "--want", "zk_server_state\tleader") == (1, "zk_server_state\tfollower\n")
    status, said = run(1, "ruok", "--want", "imok", "--wait", "0.1")
    assert status == 1
    assert "refused" in said
