"""`python -m cift.benchmarks.stacks`: measures every section, prints, and writes JSON and docs/performance.md."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from cift.benchmarks import environment
from cift.benchmarks.core.contestant import ContestError
from cift.benchmarks.core.environments import UnavailableError
from cift.benchmarks.core.setting import ROOT
from cift.benchmarks.stacks import console as tables
from cift.benchmarks.stacks import page, result, sections
from cift.benchmarks.stacks.result import Part, Result
from cift.benchmarks.stacks.rows import Case, Found, Row
from cift.benchmarks.stacks.sections import Section
from cift.benchmarks.stacks.setting import Setting, full
from cift.benchmarks.stacks.setting import quick as small


def main(
    only: Annotated[list[str] | None, typer.Option(help="A section by name; may be given several times.")] = None,
    quick: Annotated[bool, typer.Option(help="Small sizes and one round: to see that it works.")] = False,
    output: Annotated[Path, typer.Option(help="Where the JSON goes.")] = ROOT / "reports" / "performance.json",
    docs: Annotated[Path | None, typer.Option(help="Folder for the page.")] = None,
    folder: Annotated[Path, typer.Option(help="Room for builds and environments.")] = ROOT / ".state" / "bench",
) -> None:
    """Measure the old stack beside the new one."""
    found = sections.all_sections()
    unknown = [name for name in only or () if name not in found]
    if unknown:
        typer.echo(f"--only {unknown[0]}: no such section; there are {', '.join(found)}", err=True)
        raise typer.Exit(2)
    console = Console(width=None if sys.stdout.isatty() else 120)
    folder.mkdir(parents=True, exist_ok=True)
    began, load = time.monotonic(), os.getloadavg()[0]

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:7.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    # What was started is ended whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    setting = (small if quick else full)(folder.resolve(), say)
    hardware = environment.hardware()
    parts = [measured(section, setting) for name, section in found.items() if not only or name in only]
    whole = Result(
        when=result.now(),
        hardware=hardware,
        versions=environment.versions() | {"system": platform.platform()},
        load=(load, os.getloadavg()[0]),
        quick=quick,
        settings=_settings(setting),
        parts=parts,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    tables.show(whole, console)
    for path in [output, *([page.write(whole, docs)] if docs else [])]:
        say(f"wrote {path}")


def measured(section: Section, setting: Setting) -> Part:
    """Measure one section; one that can't be measured says so in a row and does not end the run."""
    began, rows, cases = time.monotonic(), list[Row](), list[Case]()
    setting.versions.clear()
    setting.say(section.TITLE)
    try:
        for one in section.measure(setting):
            _take(one, rows, cases)
    except (UnavailableError, ContestError, OSError, ValueError, RuntimeError) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        rows.append(Row(what=section.TITLE, system="–", stack="new", unit="ns", why=why))
    return Part(
        title=section.TITLE,
        about=section.ABOUT,
        rows=rows,
        cases=cases,
        versions=dict(setting.versions),
        seconds=time.monotonic() - began,
    )


def _take(found: Found, rows: list[Row], cases: list[Case]) -> None:
    if isinstance(found, Row):
        rows.append(found)
    else:
        cases.append(found)


def _settings(setting: Setting) -> dict[str, str]:
    return {
        "rounds in turns": f"{setting.rounds}",
        "ticks of a day": f"{setting.ticks:,}",
        "orders of a flow": f"{setting.operations:,}",
        "requests to a cache": f"{setting.requests:,}",
        "messages of a queue": f"{setting.messages:,}",
        "latency of messages": f"at {setting.rate:,} a second for {setting.seconds:g} s",
    }


if __name__ == "__main__":
    typer.run(main)
