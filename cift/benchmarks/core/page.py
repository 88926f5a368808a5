"""docs/performance-core.md and its plots: written from a result, no figure by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cift.benchmarks import pages
from cift.benchmarks.core import plot, words
from cift.benchmarks.core.result import Part, Result
from cift.benchmarks.core.rows import Row

_PLOTS = {
    "One operation in Rust": ("performance-core-rust.svg", "Nanoseconds per operation in Rust, mixed flow"),
    "One call from Python": ("performance-core-python.svg", "Nanoseconds per operation from Python, mixed flow"),
    "Cost by the number of resting orders": (
        "performance-core-resting.svg",
        "Nanoseconds per operation, by resting orders",
    ),
}


def write(result: Result, folder: Path) -> list[Path]:
    """Write the page and its plots into a folder, and return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for part in result.parts:
        if part.title in _PLOTS and any(row.value for row in part.rows):
            name, title = _PLOTS[part.title]
            # A part may have a second table, in another unit: the plot is of its first.
            rows = [row for row in part.rows if row.section == part.title]
            draw = plot.curve if any(row.at for row in rows) else plot.bars
            (folder / name).write_text(draw(title, rows))
            written.append(folder / name)
    page = folder / "performance-core.md"
    page.write_text("\n".join(_lines(result)))
    return [*written, page]


def _lines(result: Result) -> Iterator[str]:
    yield "# Performance of the Rust core"
    yield ""
    yield "Written by `make bench-core`; edit nothing here, run it again."
    yield ""
    yield from pages.measured_on(result.when, result.load, result.hardware, result.versions)
    yield "* Settings: " + ", ".join(f"{name} {value}" for name, value in result.settings.items())
    yield ""
    yield "The mixed flow is 60 % passive adds, 30 % cancels of resting orders and 10 % orders that take and are filled"
    yield "at once, all drawn beforehand and the same for every contestant. Times of whole runs are the thread's own on"
    yield "its one processor; medians of several runs count. Percentiles are HDR, by the wall clock, its cost included."
    yield ""
    yield from _targets(result)
    for part in result.parts:
        yield from _section(part)


def _targets(result: Result) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield "| | | asked | measured | |"
    yield "| --- | --- | ---: | ---: | --- |"
    for row in result.rows:
        for target in row.targets:
            asked, found = words.target(row, target), words.measured(row, target)
            verdict = "not measured" if row.value is None else "met" if row.met(target) else "**missed**"
            yield f"| {row.section} | {row.name} | {asked} | {found} | {verdict} |"
    yield ""


def _section(part: Part) -> Iterator[str]:
    yield f"## {part.title}"
    yield ""
    yield part.about
    yield ""
    if part.title in _PLOTS and any(row.value for row in part.rows):
        name, title = _PLOTS[part.title]
        yield f"![{title}]({name})"
        yield ""
    for section in dict.fromkeys(row.section for row in part.rows):
        rows = [row for row in part.rows if row.section == section]
        if section != part.title:
            yield f"### {section}"
            yield ""
        yield from _table(rows)
        yield ""
        yield from _beside_the_peers(rows)


def _beside_the_peers(rows: list[Row]) -> Iterator[str]:
    """Say how ours stands to the fastest that does the same work: figures of one run, on one machine."""
    mine = [row for row in rows if row.ours and row.value and row.unit == "ns" and row.at is None]
    peers = {row.value: row for row in rows if not row.ours and row.value and row.note.endswith("same fills as ours")}
    if len(mine) == 1 and peers and mine[0].value:
        fastest = min(peers)
        times = fastest / mine[0].value
        yield f"In this run {mine[0].name} was {times:.1f} times as fast as {peers[fastest].name}, the fastest peer"
        yield "that matches and tells its fills."
        yield ""


def _table(rows: list[Row]) -> Iterator[str]:
    percentiles = any(row.p50 is not None for row in rows)
    versions = any(row.version for row in rows)
    best = any(row.best is not None for row in rows)
    units = sorted({words.unit(row) for row in rows})
    one_unit = units[0] if len(units) == 1 else ""
    headings = [
        "",
        *(["version"] if versions else []),
        f"median run {one_unit}".strip(),
        *(["best run"] if best else []),
    ]
    headings += ["p50", "p99", "p99.9", "max"] if percentiles else []
    yield f"| {' | '.join([*headings, 'operations', 'notes'])} |"
    yield f"| --- |{' --- |' if versions else ''}{' ---: |' * (len(headings) - 1 - versions + 1)} --- |"
    for row in rows:
        figures = [row.value, *([row.best] if best else [])]
        figures += [row.p50, row.p99, row.p999, row.max] if percentiles else []
        cells = [f"**{row.name}**" if row.ours else row.name, *([row.version or "–"] if versions else [])]
        cells += [
            words.figure(value) + (f" {words.unit(row)}" if not one_unit and value is not None else "")
            for value in figures
        ]
        yield f"| {' | '.join([*cells, f'{row.operations:,}', (row.why and f'not measured: {row.why}') or row.note])} |"
