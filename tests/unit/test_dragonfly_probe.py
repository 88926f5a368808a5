"""The program that asks the running Dragonfly: rings, threads and sign-in as the kernel and a socket have them."""

from __future__ import annotations

import ctypes
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.role_code import load

probe = load("dragonfly/files/cift_dragonfly.py")
IO_URING_SETUP = 425


@contextmanager
def server(answer: bytes) -> Iterator[list[str]]:
    """A server with one answer to everything; yields the program's words for it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        try:
            yield ["--host", "127.0.0.1", "--port", str(found.server_address[1])]
        finally:
            found.shutdown()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(b"-NOAUTH Authentication required.\r\n", "pass"), (b"+PONG\r\n", "fail"), (b"", "fail")],
)
def test_a_stranger_gets_nothing_done(answer: bytes, verdict: str) -> None:
    with server(answer) as words:
        assert probe.row_of_sign_in(probe.parse(["verify", *words]))["verdict"] == verdict


def test_nobody_answers_in_time() -> None:
    with server(b"") as words:
        pass
    sentence = probe.wait(probe.parse(["wait", *words, "--seconds", "0.3"]))
    assert "Connection refused, expected an answer within 0.3 s; see journalctl -u dragonfly.service" in sentence


def test_a_ring_of_this_very_process_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "reason", lambda: "because")
    process = Path("/proc/self")
    row = probe.row_of_rings(process)
    assert (row["verdict"], row["live"]) == ("skip", "epoll")
    assert row["why"].endswith("more system calls: because")
    parameters = ctypes.create_string_buffer(120)
    ring = ctypes.CDLL(None, use_errno=True).syscall(IO_URING_SETUP, 8, parameters)
    if ring < 0:
        pytest.skip(f"this machine's kernel gives no io_uring: {os.strerror(ctypes.get_errno())}")
    try:
        row = probe.row_of_rings(process)
        assert (row["verdict"], row["live"]) == ("pass", "io_uring, 1 rings")
    finally:
        os.close(ring)


def test_threads_of_this_very_process_are_seen() -> None:
    """Two threads named as the server names its own, each bound to a CPU of this machine."""
    cpus = sorted(os.sched_getaffinity(0))
    places = [cpus[0], cpus[-1]]
    ready, end = threading.Barrier(3), threading.Event()

    def body(number: int) -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(f"Proactor{number}")
        os.sched_setaffinity(0, {places[number]})
        ready.wait(10)
        end.wait(10)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        ready.wait(10)
        process = Path("/proc/self")
        assert probe.row_of_threads(process, 2, set(places))["verdict"] == "pass"
        assert probe.row_of_threads(process, 2, set())["verdict"] == "pass"
        assert probe.row_of_threads(process, 3, set(places))["verdict"] == "fail"
        elsewhere = probe.row_of_threads(process, 2, {max(places) + 1})
        assert elsewhere["verdict"] == "fail"
        assert elsewhere["live"].startswith("2 threads on CPUs ")
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_lists_of_cpus() -> None:
    assert probe.parse_list("0-2,8") == {0, 1, 2, 8}
    assert probe.parse_list("") == set()
