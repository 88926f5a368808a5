"""`python -m cift.benchmarks.soak`: load this host's API evenly, watch its services, judge."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cift.benchmarks import environment
from cift.benchmarks.end_to_end import DEFAULT_SYMBOL, SYMBOL_VARIABLE, api_client
from cift.benchmarks.soak.load import Load
from cift.benchmarks.soak.sampler import Sample, lags, running, sample
from cift.benchmarks.soak.verdict import Soak, judge
from cift.core.config import Settings

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
#: Fewer give no interval.
_LEAST_SAMPLES = 60
_TOLD_S = 60.0


def main() -> int:
    """Run for the duration, or until a signal; return 0 if nothing leaked or drifted, 1 if something did."""
    options = _parser().parse_args()
    settings, stop = Settings(), threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    services = running()
    print(f"watching {', '.join(each.name for each in services) or 'no services'}", file=sys.stderr, flush=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    samples: list[tuple[float, Sample]] = []
    with api_client(settings) as client, api_client(settings) as looking:
        load = Load(client, os.environ.get(SYMBOL_VARIABLE, DEFAULT_SYMBOL), options.rate, stop)
        load.start()
        interval = min(options.duration / _LEAST_SAMPLES, 10.0)
        start = told = time.monotonic()
        while not stop.wait(interval) and (second := time.monotonic() - start) < options.duration:
            samples.append((second, sample(services, lambda: lags(looking))))
            if time.monotonic() - told > _TOLD_S:
                told = time.monotonic()
                print(f"{second:,.0f} of {options.duration:,.0f} s, {len(load.latencies)} pairs", file=sys.stderr)
        stop.set()
        load.join(timeout=10)
    if len(samples) < _LEAST_SAMPLES // 2:
        print(f"stopped after {len(samples)} samples: too few to judge", file=sys.stderr)
        return 2
    soak = judge(environment.host(), when, options.rate, samples, load.latencies, load.errors)
    if options.output:
        options.output.write_bytes(msgspec.json.format(msgspec.json.encode(soak), indent=1) + b"\n")
    _print(soak)
    return 0 if soak.verdict == "passed" else 1


def _print(soak: Soak) -> None:
    print(f"{soak.orders:,} orders in {soak.hours:.2f} h at {soak.rate:g} pairs a second")
    for figure in soak.figures:
        scale = 2**20 if figure.unit == "memory" else 1
        level, slope, low, high = (
            value / scale for value in (figure.trend.level, figure.trend.slope, figure.trend.low, figure.trend.high)
        )
        mark = "✗" if figure.leaks else "✓"
        print(f"  {mark} {figure.name:44} {level:10,.1f}  {slope:+9.2f} an hour ({low:+.2f} to {high:+.2f})")
    for problem in soak.problems:
        print(f"  ✗ {problem}")
    print(f"{'✓ nothing leaked or drifted' if soak.verdict == 'passed' else '✗ FAILED'}")


def _duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if not found or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f'found "{text}", expected a number and s, m, h or d, such as 20m or 24h')
    return float(found[1]) * _SECONDS[found[2]]


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f'found "{text}", expected pairs of orders a second, such as 20')
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cift.benchmarks.soak", description=__doc__)
    parser.add_argument("--duration", type=_duration, default=_duration("24h"), help="20m, 24h (default), ...")
    parser.add_argument("--rate", type=_rate, default=20.0, help="pairs of orders a second (default 20)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
