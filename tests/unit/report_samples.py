"""A made-up run for the report's tests: fixtures, not measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cift.benchmarks.measure import Result, Row, latency_row, rate_row, skipped_row
from cift.benchmarks.targets import Target, judge
from cift.ops.plan import Core, Policy, Topology, make_plan
from cift.ops.plan.svg import draw_svg
from cift.ops.report.model import Check, Deploy, Figures, HostChecks, Services, Step
from cift.ops.report.model import Dependency as Dep
from cift.ops.report.model import HostHealth as Health
from cift.ops.report.reading import write_json
from cift.ops.runner.play import Outcome
from cift.ops.runner.record import Failure, HostCounts, Record, Span

SAMPLES = Path(__file__).parent / "samples"
START = 1_767_225_600.0
ROLES = (("preflight", 2, 0), ("rust_core", 38, 1), ("base", 21, 6), ("nats", 6, 5), ("chdb", 30, 7),
         ("valkey", 9, 4), ("postgresql", 17, 6), ("cift", 41, 14))  # fmt: skip


def spans() -> list[Span]:
    found, now = [], START
    for role, seconds, changed in ROLES:
        found.append(Span(role=role, play="Host", start=now, end=now + seconds, tasks=changed + 3, changed=changed))
        now += seconds
    return found


def outcome(*, failed: bool = False) -> Outcome:
    failure = Failure(
        host="cift-1", role="nats", task="Check the port", message="port 4222 is taken by <sshd>; stop it"
    )
    record = Record(
        spans=spans(),
        failures=[failure] if failed else [],
        hosts={"cift-1": HostCounts(ok=80, changed=43, failed=int(failed))},
    )
    return Outcome(
        playbook="playbooks/site.yml",
        status="failed" if failed else "successful",
        record=record,
        log="/checkout/reports/sandbox/now/site.log",
        started=START,
        finished=START + 164,
    )


def deploy(*, failed: bool = False) -> Deploy:
    why = "cift-1, nats, Check the port: port 4222 is taken by <sshd>; stop it" if failed else ""
    steps = [
        Step(name="sandbox", started=START - 20, finished=START),
        Step(name="site", started=START, finished=START + 164, ok=not failed, message=why),
    ]
    return Deploy(inventory="sandbox", command="cift up", steps=steps, playbooks=[outcome(failed=failed)])


def benchmark_rows() -> list[Row]:
    random = np.random.default_rng(7)

    def latencies(mean_ns: float, count: int) -> list[Any]:
        return [random.lognormal(np.log(mean_ns), 0.4, count).astype(np.int64) for _ in range(3)]

    return [
        latency_row("matching", "Order Matching (Rust)", "one call, mixed flow", "us", latencies(700, 50_000)),
        latency_row("risk", "Risk Checks (Rust)", "one check", "us", latencies(150, 50_000)),
        latency_row("messages", "Message Latency (NATS)", "publish to receive", "ms", latencies(120_000, 2_000)),
        latency_row("journal", "Message Latency (NATS)", "publish to ack, on disk", "ms", latencies(260_000, 500)),
        latency_row("analytics", "Analytics Query (ClickHouse)", "1-minute bars", "ms", latencies(61_000_000, 12)),
        rate_row("cache", "Cache Operations (Valkey)", "GET and SET", [(900_000, 1_000_000_000)]),
        *(rate_row(f"wire_{n}", "Serialization", f"format {n}", [(n, 1_000)]) for n in range(1, 31)),
        skipped_row("end_to_end", "Order to Fill (API)", "crossing order", "ms", "nothing answers on 127.0.0.1:8000"),
    ]


TARGETS = [
    Target(row="matching", metric="p99", op="<", value=10, unit="us", why="the guide's step 7"),
    Target(row="risk", metric="mean", op="<", value=1, unit="us", why="the guide's step 7"),
    Target(row="messages", metric="p95", op="<", value=1, unit="ms", why="the guide's step 7"),
    Target(row="analytics", metric="p50", op="<", value=100, unit="ms", why="the guide's step 7"),
    Target(row="cache", metric="value", op=">", value=500_000, unit="ops/s", why="two shared cores"),
]


def benchmark() -> Result:
    return Result(
        host="cift-1",
        hardware={"cpu": "AMD EPYC 9555", "cores": 2, "memory_gib": 24.0, "kernel": "6.12.0"},
        versions={"cift": "0.1.0", "nats-server": "2.15.1", "clickhouse": "26.9.2.1"},
        rows=judge(benchmark_rows(), TARGETS),
    )


def checks(*, failed: bool = False) -> HostChecks:
    rows = [
        Check(host="cift-1", area=area, setting=f"{area}.service", wanted="active", persistent="enabled", live="active",
              verdict="pass", source="systemd")
        for area in ("nats", "chdb", "valkey", "postgresql", "cift-engine", "cift-recorder", "cift-api@1")
    ]  # fmt: skip
    rows.append(Check(host="cift-1", area="base", setting="net.core.rmem_max", wanted=134217728, persistent=134217728,
                      verdict="skip", why="container: read-only in a network namespace", source="sysctl"))  # fmt: skip
    rows.append(latency("cyclictest", None, verdict="skip", why="measured, not judged: container (systemd-nspawn)"))
    if failed:
        rows.append(latency("oslat", 20, verdict="fail", why="what takes an engine thread off its CPU"))
        rows.append(Check(host="cift-1", area="nats", setting="/etc/nats/<nats>.conf mode", wanted="0640", live="0644",
                          verdict="fail", why="others may read it", source="file"))  # fmt: skip
    return HostChecks(host="cift-1", when="2026-01-01T00:05:00Z", rows=rows)


def latency(name: str, limit: float | None, *, verdict: str, why: str) -> Check:
    """A row as the role proof makes it of what a real cyclictest or oslat wrote."""
    (thread,) = json.loads((SAMPLES / f"{name}-2.6.json").read_text())["thread"].values()
    counts = sorted((int(latency), count) for latency, count in thread["histogram"].items())
    figures = Figures(max=thread["max"], n=sum(count for _, count in counts), seconds=1, limit=limit, p50=2, p99=2,
                      p999=800, p9999=900, histogram=counts,
                      cpus={str(cpu): {"p999": 4.0, "max": 900.0} for cpu in (4, 5)})  # fmt: skip
    return Check(host="cift-1", area="behaviour", setting=name, wanted="at most 20 us", live=f"max {thread['max']} us",
                 verdict=verdict, why=why, source="man cyclictest", figures=figures)  # fmt: skip


def picture() -> str:
    cores = tuple(Core(cpus=(cpu, cpu + 16), package=0, node=cpu // 8, ccx=cpu // 4) for cpu in range(16))
    return draw_svg(make_plan(Topology(cores=cores, memory={0: 64 << 30, 1: 64 << 30}, cpu_model="EPYC <x>"), Policy()))


def services() -> Services:
    dependencies = {
        "nats": Dep(state="up", latency_ms=0.31),
        "cache": Dep(state="up", latency_ms=0.22),
        "postgresql": Dep(state="up", latency_ms=0.48),
        "engine": Dep(state="up", latency_ms=0.9, lag=0),
        "recorder": Dep(state="up", latency_ms=1.1, lag=0),
    }
    health = Health(host="cift-1", url="https://10.77.0.2:8000", status="up", dependencies=dependencies)
    return Services(health=[health], rows_stored=1_394, replay_rows=1_204)


REPLAY = {
    "source": "generated flow, seed 1",
    "orders": 2_000,
    "commands": 2_600,
    "fills": 1_204,
    "rate": 412.0,
    "latency_us": {"p50": 2_100.0, "p95": 3_300.0, "p99": 4_800.0, "max": 12_000.0},
    "rows": 2_600,
    "told": 2_600,
    "differing": 0,
    "errors": 0,
}


def write_folder(folder: Path, *, failed: bool = False) -> Path:
    """Write a report folder as `cift up` leaves it."""
    write_json(folder / "deploy.json", deploy(failed=failed))
    write_json(folder / "replay.json", REPLAY)
    write_json(folder / "services.json", services())
    write_json(folder / "verify-cift-1.json", checks(failed=failed))
    write_json(folder / "benchmark-cift-1.json", benchmark())
    (folder / "plan-cift-1.svg").write_text(picture())
    return folder
