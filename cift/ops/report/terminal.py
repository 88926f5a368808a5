"""The report as a table on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cift.benchmarks.console import figure, limit
from cift.benchmarks.measure import Row
from cift.ops.report.html import duration
from cift.ops.report.model import Check, Report, Services, fold

_SLOWEST = 8


def print_report(console: Console, report: Report, page: Path) -> None:
    """Print what the report says, the verdict last, and where the page is."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    previous = ""
    for name, text in _lines(report):
        table.add_row("" if name == previous else name, text)
        previous = name
    console.print()
    console.print(table)
    console.print()
    if report.verdict == "passed":
        console.print("[bold green]✓ passed[/]")
    else:
        console.print(f"[bold red]✗ {len(report.problems)} problem{'s' if len(report.problems) > 1 else ''}[/]")
        for problem in report.problems[:20]:
            console.print(f"  {escape(problem)}", highlight=False, soft_wrap=True)
    console.print(f"report: {page}", highlight=False, soft_wrap=True)


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the table's rows as (name, marked-up text)."""
    if report.services:
        for host in report.services.health:
            states = {"api": host.status} | {name: entry.state for name, entry in host.dependencies.items()}
            text = "  ".join(f"{_mark(state == 'up')} {escape(name)}" for name, state in states.items())
            yield f"services on {host.host}", f"{text}  {escape(host.message)}".rstrip()
    if report.replay:
        yield "orders matched", _replay(report.replay)
    if report.services and (report.replay or report.services.rows_message):
        yield "fills stored", _stored(report.services)
    if report.verify:
        counts = report.check_counts
        text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("pass", "skip", "fail", "reboot"))
        yield "settings verified", text
        for check in report.measured:
            yield f"latency on {check.host}", _latency(check)
    for benchmark in report.benchmark:
        shown, folded = fold(benchmark.rows)
        for row in shown:
            yield row.section, _figure(row)
        for section, rows in folded.items():
            yield section, f"  {len(rows)} more figures without a target, in the report"
    if report.deploy and report.deploy.playbooks:
        roles = list(report.deploy.roles().items())[:_SLOWEST]
        yield "slowest roles", ", ".join(f"{escape(role)} {duration(seconds)}" for role, seconds in roles)
        steps = ", ".join(f"{escape(step.name)} {duration(step.seconds)}" for step in report.deploy.steps)
        yield "time", f"{duration(report.deploy.seconds)}: {steps}; {report.deploy.changed} tasks changed"


def _mark(good: bool) -> str:
    return "[green]✓[/]" if good else "[red]✗[/]"


def _latency(check: Check) -> str:
    marks = {"pass": "[green]✓[/]", "skip": "[yellow]–[/]"}
    limited = f" (limit {check.figures.limit:g} us)" if check.figures and check.figures.limit is not None else ""
    why = ", not judged" if check.verdict == "skip" else ""
    return f"{marks.get(check.verdict, '[red]✗[/]')} {escape(check.setting)}: {escape(str(check.live))}{limited}{why}"


def _replay(replay: dict[str, Any]) -> str:
    text = f"{replay.get('orders') or 0:,}, {replay.get('fills') or 0:,} fills, {replay.get('rate') or 0:,.0f}/s"
    latency = replay.get("latency_us") or {}
    if "p50" in latency and "p99" in latency:
        text += f", p50 {figure(latency['p50'], 'us')}, p99 {figure(latency['p99'], 'us')}"
    if replay.get("rows"):
        text += f"; book differs in {replay.get('differing') or 0:,} of {replay.get('told') or 0:,} rows that can tell"
    return text


def _stored(services: Services) -> str:
    if services.replay_rows is None:
        return escape(services.rows_message)
    return f"{services.replay_rows:,} of this replay, {services.rows_stored or 0:,} with earlier ones and benchmarks"


def _figure(row: Row) -> str:
    if row.verdict == "skipped":
        return f"[yellow]–[/] {escape(row.name)}: skipped, {escape(row.why)}"
    target = row.target
    metric = "value" if row.value is not None else str(target["metric"]) if target else "p99"
    text = f"{escape(row.name)}: {'' if metric == 'value' else f'{metric} '}{figure(getattr(row, metric), row.unit)}"
    if target is None:
        return f"  {text}"
    goal = escape(f"(target {target['op']} {limit(target['value'], row.unit)})")
    return f"{_mark(row.met)} {text} {goal}{', goal reached' if row.verdict == 'goal reached' else ''}"
