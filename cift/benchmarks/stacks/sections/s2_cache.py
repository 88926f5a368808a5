"""Redis against what this machine's packages have of its successors: Dragonfly, Valkey."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cift.benchmarks.core.environments import UnavailableError
from cift.benchmarks.stacks import servers
from cift.benchmarks.stacks.rows import Found, Row, Stack, case, in_turns
from cift.benchmarks.stacks.setting import Setting

TITLE = "Cache: Redis against Dragonfly or Valkey"
ABOUT = (
    "redis-benchmark, the same for every server, from a process for each processor: GET and SET of 128 bytes over "
    "10,000 keys, one request at a time on each of 50 connections, or 100 in a pipeline; one server, and one server on "
    "every processor with the keys between them. Nothing is written to disk. Redis and Valkey carry out commands on "
    "one thread, whatever the machine has, and Valkey's others read and write for it; Dragonfly's gain is threads that "
    "all carry out commands, so that it grows with the cores, and is small on few. A gain of pipelining is anybody's."
)
_BYTES, _KEYS, _CONNECTIONS, _PIPELINE = 128, 10_000, 50, 100
_PATIENCE_S = 600


@dataclass(frozen=True)
class _Engine:
    """A server's program, its package, and how it is told where to listen; `many` for one server on each processor."""

    name: str
    program: str
    package: str
    stack: Stack
    command: Callable[[str, int, Path], list[str]]
    many: bool = False


def _redis(program: str, port: int, folder: Path) -> list[str]:
    return [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        "--appendonly",
        "no",
    ]


def _threaded(program: str, port: int, folder: Path) -> list[str]:
    return [*_redis(program, port, folder), "--io-threads", str(len(os.sched_getaffinity(0)))]


def _dragonfly(program: str, port: int, folder: Path) -> list[str]:
    return [program, f"--port={port}", "--bind=127.0.0.1", f"--dir={folder}", "--dbfilename=", f"--log_dir={folder}"]


_ENGINES = (
    _Engine("Redis", "redis-server", "redis-server", "old", _redis),
    _Engine("Dragonfly", "dragonfly", "dragonfly (its makers', not Debian's)", "new", _dragonfly),
    _Engine("Valkey", "valkey-server", "valkey-server (Debian 13)", "new", _redis),
    _Engine("Valkey, a thread a processor", "valkey-server", "valkey-server (Debian 13)", "new", _threaded),
    _Engine("Redis, one a processor", "redis-server", "redis-server", "beside", _redis, many=True),
)
_WAYS = {
    "one request at a time": 1,
    f"{_PIPELINE} requests in a pipeline": _PIPELINE,
}


def measure(setting: Setting) -> Iterator[Found]:
    """Yield operations a second of every server that is installed; the others say that they are not."""
    loader = servers.program("redis-benchmark", package="redis-tools")
    with ExitStack() as stack:
        ports: dict[str, list[int]] = {}
        for engine in _ENGINES:
            try:
                ports[engine.name] = _start(stack, engine, setting)
            except UnavailableError as error:
                yield Row(what="GET and SET", system=engine.name, stack=engine.stack, unit="per s", why=str(error))
        for way, pipeline in _WAYS.items():
            yield from _compare(setting, loader, way, pipeline, ports)


def _start(stack: ExitStack, engine: _Engine, setting: Setting) -> list[int]:
    program = servers.program(engine.program, package=engine.package)
    setting.versions[engine.name.split(",")[0]] = servers.version([program, "--version"], _number)
    ports = []
    for _ in range(len(os.sched_getaffinity(0)) if engine.many else 1):
        folder, port = stack.enter_context(servers.folder("cache")), servers.free_port()
        stack.enter_context(servers.running(engine.command(program, port, folder), port, folder / "log"))
        ports.append(port)
    return ports


def _number(said: str) -> str:
    """Return 7.0.15 of `Redis server v=7.0.15 sha=...`, and 1.40.1 of `dragonfly v1.40.1-...`."""
    words = [word.removeprefix("v").removeprefix("=") for word in said.split()]
    return next((word.split("-")[0] for word in words if word[:1].isdigit()), said.splitlines()[0])


def _compare(setting: Setting, loader: str, way: str, pipeline: int, ports: dict[str, list[int]]) -> Iterator[Found]:
    def run(name: str) -> Callable[[], dict[str, float]]:
        def call() -> dict[str, float]:
            setting.say(f"{way}: {name}")
            return _load(loader, ports[name], pipeline, setting.requests)

        return call

    found = in_turns({name: run(name) for name in ports}, setting.rounds)
    for command in ("GET", "SET"):
        what = f"{command}, {way}"
        rows = {
            engine.name: Row(
                what=what, system=engine.name, stack=engine.stack, unit="per s",
                runs=[one[command] for one in found[engine.name]],
            )
            for engine in _ENGINES
            if engine.name in found
        }  # fmt: skip
        yield from rows.values()
        for engine in _ENGINES:
            if engine.stack == "new" and engine.name in rows:
                claim = "cache" if engine.program == "dragonfly" else "valkey"
                yield from case(claim, f"{what}, {engine.name}", rows["Redis"], rows[engine.name])


def _load(loader: str, ports: list[int], pipeline: int, requests: int) -> dict[str, float]:
    """Load from a process for each processor, one server or all of them, and return operations a second by command."""
    # Without a pipeline a request takes some fifty times as long: fewer tell as much.
    count = requests if pipeline > 1 else max(requests // 10, 1_000)
    loaders = [ports[index % len(ports)] for index in range(max(len(os.sched_getaffinity(0)), len(ports)))]
    share = str(max(count // len(loaders), 1_000))
    common = ["-t", "get,set", "-d", str(_BYTES), "-r", str(_KEYS), "-c", str(_CONNECTIONS), "-P", str(pipeline)]
    started = [
        subprocess.Popen(
            [loader, "-h", "127.0.0.1", "-p", str(port), "-n", share, *common, "--csv"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for port in loaders
    ]  # fmt: skip
    total: dict[str, float] = {}
    try:
        for process in started:
            said, wrong = process.communicate(timeout=_PATIENCE_S)
            if process.returncode:
                raise RuntimeError(f"redis-benchmark: {(wrong or said).strip().splitlines()[0]}")
            for row in csv.DictReader(said.splitlines()):
                total[row["test"]] = total.get(row["test"], 0.0) + float(row["rps"])
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    return total
