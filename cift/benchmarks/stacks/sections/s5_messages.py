"""Kafka against NATS JetStream: the same messages, kept by one server each, with the same promise to the disk."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import uvloop

from cift.benchmarks.core import environments
from cift.benchmarks.measure import histogram
from cift.benchmarks.stacks import brokers, nats_load, servers
from cift.benchmarks.stacks.nats_load import Latencies, Rates
from cift.benchmarks.stacks.rows import Found, Row, Stack, case, in_turns
from cift.benchmarks.stacks.setting import Setting

TITLE = "Messages: Kafka against NATS JetStream"
ABOUT = (
    "Messages of 128 bytes through one server each: Kafka in KRaft mode, one partition, acks=all, linger 0; JetStream "
    "with a file stream of one copy. As they come, neither forces a message to disk before it acknowledges it (Kafka "
    "leaves that to the operating system, JetStream does it every two minutes): what a power cut takes is gone on one "
    "server of either. Then both force every message (flush.messages=1, sync_interval: always); under load Kafka's "
    "client sends many in a batch, which is forced at once. Latency is taken at a fixed rate, sent on time whatever "
    "has come back. Kafka's client is librdkafka, in C; JetStream's is nats-py, in Python, which bounds its throughput."
)
_WORKER = Path(__file__).parents[1] / "old" / "kafka_worker.py"
_PATIENCE_S = 600
_PROMISES = {"as they come": (0, ""), "every message forced to disk": (1, "always")}
_PERCENTILES = (50, 99)
_OLD, _NEW = "Kafka", "NATS JetStream"
T = TypeVar("T", Latencies, Rates)


def measure(setting: Setting) -> Iterator[Found]:
    """Yield latency at a fixed rate, then throughput, for each promise."""
    jars = brokers.jars(setting.folder, setting.say)
    python = environments.python(setting, "confluent-kafka")
    java = servers.program("java", package="default-jre-headless")
    setting.versions["Java"] = servers.version([java, "--version"], lambda said: said.splitlines()[0].split()[1])
    setting.versions["Kafka"] = brokers.kafka_version(jars)
    setting.versions["nats-server"] = brokers.nats_version()
    setting.versions["nats-py"] = version("nats-py")
    with brokers.kafka(jars) as kafka:
        for promise, (flush, sync) in _PROMISES.items():
            with brokers.nats(sync) as nats:
                yield from _latencies(setting, promise, partial(_ask, python, kafka, flush), nats)
                yield from _rates(setting, promise, partial(_ask, python, kafka, flush), nats)


def _latencies(setting: Setting, promise: str, ask: Callable[..., Latencies], nats: int) -> Iterator[Found]:
    # A disk forces some hundred messages a second: at a rate near that, a queue is what would be measured.
    rate, seconds = setting.rate if promise == "as they come" else setting.rate // 10, setting.seconds
    what = f"{promise}, {rate:,} a second"

    def old() -> Latencies:
        setting.say(f"{what}: {_OLD}")
        return ask(Latencies, "latency", rate, seconds)

    def new() -> Latencies:
        setting.say(f"{what}: {_NEW}")
        return uvloop.run(nats_load.latency(nats, rate, seconds))

    found = in_turns({_OLD: old, _NEW: new}, setting.rounds)
    setting.versions["librdkafka's Python client"] = found[_OLD][0].client
    for name, attribute in (("publish to acknowledgement", "acked"), ("publish to consumer", "received")):
        for percentile in _PERCENTILES:
            case_of = f"{name}, p{percentile}, {what}"
            rows = [_latency(case_of, system, found[system], attribute, percentile) for system in (_OLD, _NEW)]
            yield from rows
            yield from case("messages", case_of, *rows)


def _latency(what: str, system: str, found: list[Latencies], attribute: str, percentile: int) -> Row:
    runs = [
        float(histogram(np.asarray(getattr(one, attribute), dtype=np.int64)).get_value_at_percentile(percentile))
        for one in found
    ]
    return Row(what=what, system=system, stack=_stack(system), unit="ns", runs=runs)


def _rates(setting: Setting, promise: str, ask: Callable[..., Rates], nats: int) -> Iterator[Found]:
    count = setting.messages if promise == "as they come" else max(setting.messages // 20, 100)
    what = f"{promise}, as fast as it goes"

    def old() -> Rates:
        setting.say(f"{what}: {_OLD}")
        return ask(Rates, "throughput", count, 0)

    def new() -> Rates:
        setting.say(f"{what}: {_NEW}")
        return uvloop.run(nats_load.throughput(nats, count))

    found = in_turns({_OLD: old, _NEW: new}, setting.rounds)
    for name, attribute in (("acknowledged", "acked"), ("received", "received")):
        case_of = f"{name}, {what}"
        rows = [_rate(case_of, system, [getattr(one, attribute) for one in found[system]]) for system in (_OLD, _NEW)]
        yield from rows
        # The guide speaks of latency alone; what it costs belongs beside it.
        yield from case("messages", case_of, *rows)


def _rate(what: str, system: str, runs: list[float]) -> Row:
    return Row(what=what, system=system, stack=_stack(system), unit="per s", runs=runs)


def _stack(system: str) -> Stack:
    return "old" if system == _OLD else "new"


def _ask(python: Path, port: int, flush: int, kind: type[T], what: str, amount: float, seconds: float) -> T:
    command = [str(python), str(_WORKER), str(port), str(flush), what, f"{amount:.0f}", f"{seconds:g}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"Kafka's client: {(ended.stderr.strip().splitlines() or ['no message'])[-1]}")
    return msgspec.json.decode(ended.stdout, type=kind)
