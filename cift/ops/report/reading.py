"""A report folder's files read, merged and judged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cift.benchmarks.console import figure, limit
from cift.benchmarks.measure import Result as Benchmark
from cift.benchmarks.soak.verdict import Soak
from cift.ops.report.cost import Cost
from cift.ops.report.gains import newest_gains
from cift.ops.report.model import Check, Deploy, HostChecks, Report, ReportError, Services
from cift.ops.report.since import since_the_last

T = TypeVar("T")


def read_report(folder: Path, inventory: str) -> Report:
    """Read and judge whatever files a report folder holds.

    Raises:
        ReportError: the folder holds none of them, or one that can't be read.
    """
    deploy = read_json(folder / "deploy.json", Deploy)
    replay = read_json(folder / "replay.json", dict[str, Any])
    services = read_json(folder / "services.json", Services)
    cost = read_json(folder / "cost.json", Cost)
    verify = [_decode(path, HostChecks) for path in sorted(folder.glob("verify-*.json"))]
    benchmark = [_decode(path, Benchmark) for path in sorted(folder.glob("benchmark-*.json"))]
    plans = {path.stem.removeprefix("plan-"): path.read_text() for path in sorted(folder.glob("plan-*.svg"))}
    soak = [_decode(path, Soak) for path in sorted(folder.glob("soak-*.json"))]
    if not (deploy or replay or services or verify or benchmark or soak):
        raise ReportError(
            f"{folder}: no deploy, replay, verify, benchmark or soak file here; run cift up, verify or benchmark"
        )
    problems = [
        *_deploy_problems(deploy),
        *_replay_problems(replay),
        *_service_problems(services),
        *_stored_problems(services, replay),
    ]
    problems += [f"{row.host}: {row.setting} is {row.live}, wanted {row.wanted}" for row in _failed_checks(verify)]
    problems += _benchmark_problems(benchmark)
    problems += [f"{host.host}: {problem}" for host in soak for problem in host.problems]
    problems += _cost_problems(cost)
    return Report(
        inventory=inventory,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict="failed" if problems else "passed",
        problems=problems,
        deploy=deploy,
        replay=replay,
        services=services,
        verify=verify,
        benchmark=benchmark,
        soak=soak,
        pictures=plans,
        cost=cost,
        since=since_the_last(folder),
        tuning=newest_gains(folder),
    )


def read_json(path: Path, kind: type[T]) -> T | None:
    """Return what a file of a report folder holds, None when it isn't there.

    Raises:
        ReportError: it can't be read.
    """
    return _decode(path, kind) if path.exists() else None


def write_json(path: Path, value: Any) -> None:
    """Write a struct or plain value as indented JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    partial.replace(path)


def _deploy_problems(deploy: Deploy | None) -> list[str]:
    if deploy is None:
        return []
    return [f"{step.name}: {step.message}" for step in deploy.steps if not step.ok]


def _replay_problems(replay: dict[str, Any] | None) -> list[str]:
    if replay is None:
        return []
    problems = []
    if replay.get("errors"):
        problems.append(f"replay: {replay['errors']} requests went wrong")
    if replay.get("differing"):
        problems.append(f"replay: the book differs in {replay['differing']} rows that the messages can tell")
    return problems


def _service_problems(services: Services | None) -> list[str]:
    if services is None:
        return []
    problems = []
    for host in services.health:
        down = [f"{name} ({entry.reason})" for name, entry in host.dependencies.items() if entry.state != "up"]
        if host.status != "up":
            problems.append(f"{host.host}: {', '.join(down) or host.message or 'down'}")
    return problems


def _stored_problems(services: Services | None, replay: dict[str, Any] | None) -> list[str]:
    """Return that fills of the replay are missing in ClickHouse, or are there twice."""
    if services is None or replay is None:
        return []
    if services.rows_message:
        return [f"fills stored could not be counted: {services.rows_message}"]
    fills, rows = replay.get("fills"), services.replay_rows
    if fills == rows:
        return []
    return [f"ClickHouse holds {rows} of the replay's {fills} fills: see the journal of cift-recorder"]


def _failed_checks(verify: list[HostChecks]) -> list[Check]:
    return [row for host in verify for row in host.rows if row.verdict in ("fail", "reboot")]


def _benchmark_problems(benchmark: list[Benchmark]) -> list[str]:
    """Return missed targets, those that nobody knows of because the row was not measured, and regressions."""
    problems = []
    for host in benchmark:
        for row in host.rows:
            if row.target and row.verdict == "failed":
                measured = figure(getattr(row, row.target["metric"]), row.unit)
                goal = f"{row.target['op']} {limit(row.target['value'], row.unit)}"
                problems.append(f"{host.host}: {row.section}, {row.name}: {measured}, wanted {goal}")
            elif row.target and row.verdict == "skipped":
                problems.append(f"{host.host}: {row.section} has a target but was not measured: {row.why}")
        for change in host.regressed:
            was, now = figure(change.before, change.unit), figure(change.after, change.unit)
            problems.append(f"{host.host}: {change.name}, {change.metric}: {now}, {was} in the golden run")
    return problems


def _cost_problems(cost: Cost | None) -> list[str]:
    if cost is None or cost.within:
        return []
    return [f"the site costs {cost.total:,.0f} US dollars a month, {cost.budget:,.0f} are budgeted"]


def _decode(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}; expected a report's JSON file") from error
    except msgspec.DecodeError as error:
        raise ReportError(f"{path}: {error}; written by another version? run the command again") from error
