"""`python -m cift.benchmarks.core`: measures every section, prints, and writes JSON, a page and its plots."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from cift.benchmarks import environment
from cift.benchmarks.core import console as tables
from cift.benchmarks.core import flow, page, result, sections
from cift.benchmarks.core.result import Part, Result
from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.setting import ROOT, Setting

_OPERATIONS, _QUICK, _RESTING = 200_000, 20_000, 1_000


def main(
    only: Annotated[list[str] | None, typer.Option(help="A section by name; may be given several times.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer operations and runs: to see that it works.")] = False,
    seed: Annotated[int, typer.Option(help="Of the mixed flow.")] = 1,
    output: Annotated[Path, typer.Option(help="Where the JSON goes.")] = ROOT / "reports" / "performance-core.json",
    docs: Annotated[Path | None, typer.Option(help="Folder for the page and its plots.")] = None,
    folder: Annotated[Path, typer.Option(help="Room for builds and environments.")] = ROOT / ".state" / "bench",
    strict: Annotated[bool, typer.Option(help="End with status 1 if a target is missed.")] = False,
) -> None:
    """Measure the Rust core beside its peers."""
    found = sections.all_sections()
    unknown = [name for name in only or () if name not in found]
    if unknown:
        typer.echo(f"--only {unknown[0]}: no such section; there are {', '.join(found)}", err=True)
        raise typer.Exit(2)
    console = Console(width=None if sys.stdout.isatty() else 120)
    folder.mkdir(parents=True, exist_ok=True)
    operations = _QUICK if quick else _OPERATIONS
    began, load = time.monotonic(), os.getloadavg()[0]

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {text}", highlight=False)

    say(f"drawing a mixed flow of {operations:,} operations")
    made = flow.make(folder / "flows", resting=_RESTING, operations=operations, seed=seed)
    hardware = environment.hardware()
    setting = Setting(
        folder=folder.resolve(),
        flow=flow.path(made).resolve(),
        passes=1 if quick else 3,
        rounds=1 if quick else 2,
        seconds=0.25 if quick else 0.5,
        processor=max(os.sched_getaffinity(0)),
        quick=quick,
        say=say,
    )
    parts = [_part(section, setting) for name, section in found.items() if not only or name in only]
    whole = Result(
        when=result.now(),
        hardware=hardware,
        versions=result.versions(),
        load=(load, os.getloadavg()[0]),
        settings={
            "operations": operations,
            "seed": seed,
            "resting orders at start": _RESTING,
            "passes": setting.passes,
            "runs in a pass": setting.rounds,
            "longest run": f"{setting.seconds:g} s",
            "processor": setting.processor,
        },
        parts=parts,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    tables.show(whole, console)
    for path in [output, *(page.write(whole, docs) if docs else [])]:
        say(f"wrote {path}")
    if strict and whole.missed:
        raise typer.Exit(1)


def _part(section: sections.Section, setting: Setting) -> Part:
    """Measure one section, pinned; a section that can't be measured says so in a row and does not end the run."""
    allowed = os.sched_getaffinity(0)
    try:
        rows = list(section.measure(setting))
    except (OSError, ValueError, RuntimeError) as error:
        rows = [Row(section=section.TITLE, name=section.TITLE, unit="ns", ours=True, why=str(error))]
    finally:
        os.sched_setaffinity(0, allowed)
    return Part(section.TITLE, section.ABOUT, rows)


if __name__ == "__main__":
    typer.run(main)
