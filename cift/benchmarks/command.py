"""The command line of the benchmark suite."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pydantic import ValidationError

from cift.benchmarks import console, suite
from cift.benchmarks.baselines import BaselineError, held_against, keep
from cift.benchmarks.profile import FULL, QUICK
from cift.benchmarks.targets import TargetError, load_targets
from cift.core.config import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, save; return 0 when all is well, 1 for a missed target or a regression, 2 on bad input."""
    options = _parser().parse_args(arguments)
    try:
        targets = load_targets(options.targets) if options.targets else []
        settings = Settings()
    except TargetError as error:
        print(error, file=sys.stderr)
        return 2
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        print(f"environment: {where} is {first['input']!r}; {first['msg']}", file=sys.stderr)
        return 2
    if options.output and not options.output.parent.is_dir():
        print(f"{options.output}: its folder doesn't exist; create it first", file=sys.stderr)
        return 2
    result = suite.run(settings, QUICK if options.quick else FULL, targets, lambda title: _progress(title))
    golden = False
    try:
        if options.baselines:
            result = held_against(options.baselines, result, options.tolerance)
            golden = keep(options.baselines, result, accept=options.accept)
    except BaselineError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if options.output:
            options.output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
        print("\n".join(console.lines(result)))
    if golden:
        print(f"golden from now on for {result.kind}")
    return 1 if result.failed or (result.regressed and not options.accept) else 0


def _progress(title: str) -> None:
    print(f"measuring {title} ...", file=sys.stderr, flush=True)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1000:
        raise argparse.ArgumentTypeError(f"{text} is no share from 0 on, such as 0.1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cift.core.benchmarks",
        description="Measure this host's trading stack. Where each system is and how to sign in comes from the "
        "environment, as for the services (NATS_URL, CLICKHOUSE_HOST, CACHE_HOST, CIFT_API_URL, ...).",
    )
    parser.add_argument("--phase", type=int, choices=[7], default=7, help="the migration guide's phase")
    parser.add_argument("--targets", type=Path, metavar="FILE", help="JSON list of figures to reach")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument(
        "--baselines", type=Path, metavar="DIR", help="keep results here, and compare with the golden one of this class"
    )
    parser.add_argument(
        "--tolerance", type=_share, default=0.1, metavar="SHARE", help="what may change: 0.1 is a tenth (default)"
    )
    parser.add_argument("--accept", action="store_true", help="make this result the golden one, whatever it says")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions (about 30 s)")
    return parser
