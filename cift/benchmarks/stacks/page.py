"""docs/performance.md: written from a result, no figure by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from cift.benchmarks import pages
from cift.benchmarks.stacks import words
from cift.benchmarks.stacks.claims import Verdict
from cift.benchmarks.stacks.result import Part, Result
from cift.benchmarks.stacks.rows import Case, Row

NAME = "performance.md"


def write(result: Result, folder: Path) -> Path:
    """Write the page into a folder, and return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / NAME
    page.write_text("\n".join(_lines(result)))
    return page


def _lines(result: Result) -> Iterator[str]:
    yield "# The old stack beside the new one"
    yield ""
    yield "Written by `make bench`; edit nothing here, run it again. It takes the machine for itself, for half an"
    yield "hour or so. `python -m cift.benchmarks.stacks --quick` shows in minutes that everything works; `--only NAME`"
    yield "measures one section. What the machine lacks is left out, and said."
    yield ""
    if result.quick:
        yield "**These are figures of `--quick`: they show that everything works, and measure nothing.**"
        yield ""
    yield from pages.measured_on(result.when, result.load, result.hardware, result.versions)
    yield "* Sizes: " + ", ".join(f"{name} {size}" for name, size in result.settings.items())
    yield ""
    yield "Both sides run on this one machine and do the same work in turns, a run of one and a run of the other, so"
    yield "that what disturbs the machine disturbs both; the figure is the median of a side's runs. Servers listen on"
    yield "loopback, and share the processors with whoever asks them. What they answer is compared before a clock runs."
    yield "The factors are this machine's: more cores help whoever uses them, and a network adds the same to both."
    yield ""
    yield from _claims(result.verdicts)
    for part in result.parts:
        yield from _part(part)


def _claims(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield "## What the migration guide claims"
    yield ""
    yield "| | claimed | measured | |"
    yield "| --- | --- | --- | --- |"
    for verdict in verdicts:
        claim, cases = verdict.claim, verdict.cases
        measured = f"{words.times(cases[-1].factor)} to {words.times(cases[0].factor)}" if cases else "–"
        measured = words.times(cases[0].factor) if len(cases) == 1 else measured
        says = verdict.says if verdict.says == "holds" else f"**{verdict.says}**"
        yield f"| {claim.what} | {claim.claimed} | {measured} | {says} |"
    yield ""
    for verdict in verdicts:
        yield f"**{verdict.claim.what}** ({verdict.claim.claimed})"
        yield ""
        yield from _cases(verdict)
        yield ""


def _cases(verdict: Verdict) -> Iterator[str]:
    if not verdict.cases:
        yield "* Not measured on this machine: the section below says why."
    for sentence, cases in (
        ("Holds for", verdict.holds),
        ("Better, by less than claimed, for", verdict.falls_short),
        ("The old one is faster for", verdict.worse),
    ):
        if cases:
            yield f"* {sentence}: " + "; ".join(map(_case, cases)) + "."


def _case(one: Case) -> str:
    old, new = words.figure(one.old, one.unit), words.figure(one.new, one.unit)
    return f"{one.when}, {words.times(one.factor)} ({old} → {new})"


def _part(part: Part) -> Iterator[str]:
    yield f"## {part.title}"
    yield ""
    yield part.about
    yield ""
    if part.versions:
        named = ", ".join(f"{name} {version}".strip() for name, version in part.versions.items())
        yield f"With {named}; {part.seconds:,.0f} s."
        yield ""
    missing = [row for row in part.rows if row.why]
    shown = [row for row in part.rows if row.runs]
    if shown:
        yield from _table(shown)
        yield ""
    for row in missing:
        yield f"* Not measured: {row.what}, {row.system}: {row.why}"
    if missing:
        yield ""


def _table(rows: Sequence[Row]) -> Iterator[str]:
    more = [bool(any(row.tail for row in rows)), bool(any(row.note for row in rows))]
    headings = ["", "", "median", "runs", *(["more"] if more[0] else []), *(["notes"] if more[1] else [])]
    yield f"| {' | '.join(headings)} |"
    yield f"| --- | --- | ---: | ---: |{' --- |' * sum(more)}"
    for what, group in groupby(rows, key=lambda row: row.what):
        for number, row in enumerate(group):
            system = f"**{row.system}**" if row.stack == "new" else row.system
            cells = [what if number == 0 else "", system, words.figure(row.value, row.unit), words.spread(row)]
            cells += [row.tail] if more[0] else []
            cells += [row.note] if more[1] else []
            yield f"| {' | '.join(cells)} |"
