"""The suite's result as the migration guide prints it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from cift.benchmarks.change import Change
from cift.benchmarks.measure import Result, Row
from cift.benchmarks.pages import machine

_RULE = "=" * 44
_UNITS = {"us": "μs", "ms": "ms"}
_FIGURES = (("Mean", "mean"), ("P50", "p50"), ("P95", "p95"), ("P99", "p99"), ("P99.9", "p999"), ("Max", "max"))


def lines(result: Result) -> Iterator[str]:
    """Yield the report line by line."""
    hardware = result.hardware
    yield from (_RULE, "CIFT Markets - Phase 7 Performance Benchmark", _RULE)
    yield f"{result.host}: {machine(hardware)}"
    yield f"Linux {hardware['kernel']}, " + ", ".join(f"{name} {version}" for name, version in result.versions.items())
    for section, rows in groupby(result.rows, key=lambda row: row.section):
        yield from ("", f"{section}:")
        for row in rows:
            yield from _row(row)
    if result.changes:
        yield from ("", f"Since the golden run of {result.golden}:")
        yield from map(changed, result.changes)
    yield from ("", _RULE, _verdict(result), _RULE)


def changed(change: Change) -> str:
    """Return a change as one line."""
    mark = {"better": "✓", "worse": "✗"}.get(change.says, "–")
    metric = "" if change.metric == "value" else f" {change.metric.upper()}"
    before, after = figure(change.before, change.unit), figure(change.after, change.unit)
    return f"  {mark} {change.name}{metric}: {before} → {after} ({change.ratio:.2f}x, p {change.p:.3f}): {change.says}"


def figure(value: float, unit: str) -> str:
    """Return a figure with its unit as people write it: 8.20μs, 0.61ms, 2.3M ops/sec."""
    if unit == "us" and value >= 1_000:
        return figure(value / 1_000, "ms")
    if unit != "ops/s":
        digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
        return f"{value:.{digits}f}{_UNITS[unit]}"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter} ops/sec"
    return f"{value:.0f} ops/sec"


def limit(value: float, unit: str) -> str:
    """Return a target's figure without digits that it was not given: 10μs, 2M ops/sec."""
    return f"{value:g}{_UNITS[unit]}" if unit in _UNITS else figure(value, unit)


def _row(row: Row) -> Iterator[str]:
    if row.verdict == "skipped":
        yield f"  – {row.name}, skipped: {row.why}"
        return
    if row.value is not None:
        yield f"  {row.name}: {figure(row.value, row.unit)}"
    else:
        yield f"  {row.name} (n={row.n:,})"
        for label, attribute in _FIGURES:
            yield f"    {label + ':':<7} {figure(getattr(row, attribute), row.unit)}"
    if row.target is not None:
        mark = "✓" if row.met else "✗"
        metric = "" if row.target["metric"] == "value" else f"{str(row.target['metric']).upper()} "
        yield (
            f"  {mark} Target: {metric}{row.target['op']}{limit(row.target['value'], row.unit)} ({row.verdict.upper()})"
        )


def _verdict(result: Result) -> str:
    with_target = [row for row in result.rows if row.target is not None]
    failed = [row for row in with_target if row.verdict == "failed"]
    skipped = [row for row in result.rows if row.verdict == "skipped"]
    not_measured = f"; {len(skipped)} NOT MEASURED" if skipped else ""
    if result.regressed:
        not_measured += f"; {len(result.regressed)} WORSE THAN THE GOLDEN RUN"
    if failed:
        return f"✗ {len(failed)} OF {len(with_target)} TARGETS MISSED{not_measured}"
    if not with_target:
        return f"– NO TARGETS GIVEN{not_measured}"
    if result.regressed or any(row.target is not None for row in skipped):
        mark = "✗" if result.regressed else "–"
        return f"{mark} {len([row for row in with_target if row.met])} TARGETS MET{not_measured}"
    return f"✓ ALL PERFORMANCE TARGETS MET{not_measured}"
