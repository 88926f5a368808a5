"""The migration guide's load test: `python tests/performance/load_test_order_matching.py --orders=10000`.

Plays that many calls of a mixed flow on one book, as fast as they go, and holds the p99 of a call against 10 μs.

With --rate it plays commands at that rate into the journal of a real NATS server, with the engine behind it, and
measures from when each was due to its outcome and to its last fill on EVENTS; with --api-rate, requests to the API and
the fills in its answers. Both are open loop: a command's latency counts from its time, however far behind the others
are. For rates one after the other: --rate=1000,10000,20000 --duration=30 --codec=rust,python --repeat=3
With --shards=1,2 the same by one engine and by two that share the symbols; with --decider=core,python by one that has
the core decide plain commands and by one that decides all in Python.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from cift.benchmarks import environment
from cift.benchmarks.console import figure, limit
from cift.benchmarks.journal.http import HttpLoad
from cift.benchmarks.journal.load import Loaded, load
from cift.benchmarks.matching import mixed_flow, time_calls
from cift.benchmarks.measure import Row, Samples, latency_row
from cift.benchmarks.pages import machine
from cift.core.shards import MOST_SHARDS
from tests.performance.host import SYMBOLS, Host, host

TARGET_US = 10.0
FIGURES = ("p50", "p95", "p99", "p999", "max")
# Microseconds from an order to its fill, at up to 10,000 orders a second, and to the API's answer.
AIMS, API_AIMS = {"p50": 500.0, "p99": 2_000.0}, {"p99": 10_000.0}
AIMS_UP_TO = 10_000.0


def main() -> int:
    options = _options()
    if options.rate or options.api_rate:
        return uvloop.run(_on_a_host(options))
    from cift_core import FastOrderBook

    samples = time_calls(mixed_flow(FastOrderBook("LOAD"), options.orders, options.seed))
    row = latency_row("matching", "Order Matching (Rust)", "one call, mixed flow", "us", [samples])
    passed = row.p99 is not None and row.p99 < TARGET_US
    seconds = samples.sum() / 1e9
    print(f"{options.orders:,} calls in {seconds:.3f} s: {options.orders / seconds:,.0f}/s")
    for name in ("mean", "p50", "p95", "p99", "max"):
        print(f"  {name:<5} {figure(getattr(row, name), 'us')}")
    print(f"{'✓' if passed else '✗'} Target: P99 <{TARGET_US:.0f}μs ({'PASSED' if passed else 'FAILED'})")
    return 0 if passed else 1


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[float]:
        return [float(part) for part in text.split(",")]

    def counts(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000, metavar="N", help="calls to make (default 10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed plays the same flow")
    parser.add_argument("--rate", type=numbers, default=[], metavar="R,...", help="commands a second, into the journal")
    parser.add_argument("--api-rate", type=numbers, default=[], metavar="R,...", help="requests a second, to the API")
    parser.add_argument("--duration", type=float, default=10.0, metavar="S", help="seconds of each (default 10)")
    parser.add_argument("--codec", default="rust", help="rust, python (nats-py's own), or both with a comma")
    parser.add_argument("--decider", default="core", help="core, python, or both with a comma")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="each so often, in turn; medians are shown")
    parser.add_argument("--sync", default="", metavar="I", help="nats_sync_interval (default: the role's)")
    parser.add_argument("--shards", type=counts, default=[1], metavar="N,...", help="engines that share the symbols")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="workers of the API (default 2)")
    options = parser.parse_args()
    rates = [*options.rate, *options.api_rate]
    for name, number in (("orders", options.orders), ("duration", options.duration), ("repeat", options.repeat)):
        if number <= 0:
            parser.error(f"--{name} is {number}; give a number above 0")
    if any(rate <= 0 for rate in rates):
        parser.error(f"a rate is {min(rates):g}; give numbers above 0")
    if not all(1 <= shards <= MOST_SHARDS for shards in options.shards):
        parser.error(f"--shards is {options.shards}; give numbers from 1 to {MOST_SHARDS}")
    for name, chosen, first in (("codec", options.codec, "rust"), ("decider", options.decider, "core")):
        if unknown := set(chosen.split(",")) - {first, "python"}:
            parser.error(f"--{name} is {', '.join(sorted(unknown))}; choose {first}, python or {first},python")
    return options


async def _on_a_host(options: argparse.Namespace) -> int:
    hardware, versions = environment.hardware(), environment.versions()
    print(f"{machine(hardware)}, Linux {hardware['kernel']}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    found: dict[tuple[str, float], list[Loaded]] = {}
    ways = list(itertools.product(options.codec.split(","), options.decider.split(","), options.shards))
    for _ in range(options.repeat if options.rate else 0):
        for codec, decider, shards in ways:
            way = f"{codec}, decided by {decider}, {_engines(shards)}"
            async with host(codec, decider=decider, sync=options.sync, shards=shards) as running:
                for rate in options.rate:
                    loaded, words = await _load(running, rate, options)
                    found.setdefault((way, rate), []).append(loaded)
                    print(f"{way}, {rate:,.0f}/s: {words}", flush=True)
    for (way, rate), all_of_it in found.items():
        print(f"\n{rate:,.0f} commands a second, {way}, "
              f"nats-server {all_of_it[0].server_version}, median of {len(all_of_it)}:")  # fmt: skip
        for name, of in (("sent late", "late"), ("acknowledged", "acknowledged"), ("outcome", "decided")):
            print("\n".join(_lines(name, [getattr(one, of) for one in all_of_it])))
        aims = AIMS if rate <= AIMS_UP_TO else {}
        print("\n".join(_lines("fill", [one.filled for one in all_of_it], aims)))
    for shards in options.shards if options.api_rate else []:
        codec, decider = options.codec.split(",")[0], options.decider.split(",")[0]
        async with host(codec, decider=decider, sync=options.sync, workers=options.workers, shards=shards) as running:
            print(f"\n{_engines(shards)}:")
            for rate in options.api_rate:
                await _through_the_api(running, rate, options)
    return 0


def _engines(shards: int) -> str:
    return f"{shards} engine{'s' * (shards > 1)}"


async def _load(running: Host, rate: float, options: argparse.Namespace) -> tuple[Loaded, str]:
    before = running.cpu_s()
    loaded = await load(running.settings, SYMBOLS, rate=rate, seconds=options.duration, seed=options.seed)
    after = running.cpu_s()
    cpu = ", ".join(f"{name} {(after[name] - before[name]) / loaded.seconds:.2f}" for name in before if name != "load")
    words = (
        f"{loaded.commands:,} commands in {loaded.seconds:.2f} s, {loaded.events:,} events, {loaded.stored:,} stored; "
        f"CPUs: {cpu}; load {environment.load():.2f}"
    )
    return loaded, words


async def _through_the_api(running: Host, rate: float, options: argparse.Namespace) -> None:
    samples: list[Samples] = []
    answers: Counter[int] = Counter()
    for _ in range(options.repeat):
        http = HttpLoad(running.settings, SYMBOLS, rate=rate, seconds=options.duration, connections=32)
        samples.append(await asyncio.to_thread(http.run))
        answers.update(http.answers)
    print(f"\n{rate:,.0f} requests a second to {options.workers} workers of the API, median of {options.repeat}, "
          f"answers {dict(answers)}, load {environment.load():.2f}:")  # fmt: skip
    print("\n".join(_lines("answer", samples, API_AIMS)))


def _lines(name: str, repetitions: list[Samples], aims: dict[str, float] | None = None) -> Iterator[str]:
    row: Row = latency_row("", "", name, "us", repetitions)
    yield f"  {name:<13} " + "  ".join(f"{which} {figure(getattr(row, which), 'us'):>8}" for which in FIGURES)
    for which, aim in (aims or {}).items():
        met = getattr(row, which) < aim
        yield f"  {'✓' if met else '✗'} Aim: {which.upper()} <{limit(aim / 1000, 'ms')} ({'MET' if met else 'MISSED'})"


if __name__ == "__main__":
    sys.exit(main())
