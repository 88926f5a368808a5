"""What a report says: the files of one report folder read, merged and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from cift.benchmarks.console import figure, limit
from cift.benchmarks.measure import Result as Benchmark
from cift.benchmarks.measure import Row
from cift.benchmarks.soak.verdict import Soak
from cift.ops.report.cost import Cost
from cift.ops.report.since import Since, since_the_last
from cift.ops.runner.play import Outcome

T = TypeVar("T")
CheckVerdict = Literal["pass", "fail", "skip", "reboot"]
#: How many figures of a section without a target are shown before they are folded away.
FOLD = 5
VERDICTS: tuple[CheckVerdict, ...] = ("fail", "reboot", "skip", "pass")


class ReportError(ValueError):
    """A report folder that can't be read; the message names the file and what was expected."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of `cift up`; times are seconds since 1970, `message` says why it failed."""

    name: str
    started: float
    finished: float
    ok: bool = True
    message: str = ""

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.finished - self.started


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """deploy.json: what a command did, step by step and playbook by playbook."""

    inventory: str
    command: str
    steps: list[Step] = []
    playbooks: list[Outcome] = []

    @property
    def seconds(self) -> float:
        """Return how long all steps took together."""
        return sum(step.seconds for step in self.steps)

    @property
    def changed(self) -> int:
        """Return how many tasks changed something, over all hosts."""
        return sum(host.changed for play in self.playbooks for host in play.record.hosts.values())

    def roles(self) -> dict[str, float]:
        """Return seconds per role over all playbooks, slowest first."""
        totals: Counter[str] = Counter()
        for play in self.playbooks:
            totals.update(play.record.roles())
        return dict(totals.most_common())


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One line of /health."""

    state: str
    latency_ms: float | None = None
    lag: int | None = None
    reason: str = ""


class HostHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A trading host's own view of its services; `message` says why there is none."""

    host: str
    url: str
    status: str
    dependencies: dict[str, Dependency] = {}
    message: str = ""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """services.json: health of every trading host and the fills that its analytics store.

    `replay_rows` are the stored fills of this run's replay; what else is stored is of earlier ones and of benchmarks.
    `rows_message` says why they could not be counted.
    """

    health: list[HostHealth] = []
    rows_stored: int | None = None
    replay_rows: int | None = None
    rows_message: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Latencies of hwlatdetect, cyclictest or oslat, in `unit`; `limit` is the inventory's, None for none.

    `histogram` has pairs of latency and count, `over` is how many were beyond its last bucket; hwlatdetect, which notes
    but the samples over its threshold, has neither percentiles nor a histogram. `cpus` has each CPU's own.
    """

    max: float
    n: int
    seconds: int
    unit: str = "us"
    limit: float | None = None
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    p9999: float | None = None
    over: int = 0
    histogram: list[tuple[int, int]] = []
    cpus: dict[str, dict[str, float]] = {}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One setting or behaviour read back from a host; `figures` are those of a measured latency."""

    host: str
    area: str
    setting: str
    wanted: Any = None
    persistent: Any = None
    live: Any = None
    verdict: CheckVerdict
    why: str = ""
    source: str = ""
    figures: Figures | None = None


class HostChecks(msgspec.Struct, frozen=True, kw_only=True):
    """verify-<host>.json: the rows, and the plan that the host is held against (`cift plan --json`)."""

    host: str
    when: str
    rows: list[Check]
    plan: dict[str, Any] | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one run; a part that was not run is None or empty.

    `pictures` are the hosts' plans as SVG.
    """

    inventory: str
    created: str
    verdict: Literal["passed", "failed"]
    problems: list[str]
    deploy: Deploy | None = None
    replay: dict[str, Any] | None = None
    services: Services | None = None
    verify: list[HostChecks] = []
    benchmark: list[Benchmark] = []
    soak: list[Soak] = []
    pictures: dict[str, str] = {}
    cost: Cost | None = None
    since: Since | None = None

    @property
    def checks(self) -> list[Check]:
        """Return every check of every host, the ones that need attention first."""
        rows = [row for host in self.verify for row in host.rows]
        return sorted(rows, key=lambda row: (VERDICTS.index(row.verdict), row.host, row.area))

    @property
    def measured(self) -> list[Check]:
        """Return the checks that have figures, in the order that they were measured."""
        return [row for host in self.verify for row in host.rows if row.figures is not None]

    @property
    def check_counts(self) -> dict[CheckVerdict, int]:
        """Return how many checks have each verdict."""
        counted = Counter(row.verdict for row in self.checks)
        return {verdict: counted[verdict] for verdict in VERDICTS}


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
    )


def read_json(path: Path, kind: type[T]) -> T | None:
    """Return what a file of a report folder holds, None when it isn't there.

    Raises:
        ReportError: it can't be read.
    """
    return _decode(path, kind) if path.exists() else None


def fold(rows: Sequence[Row]) -> tuple[list[Row], dict[str, list[Row]]]:
    """Return the rows to show at once, and by section those to fold away: many figures that nobody has a target for."""
    without: dict[str, list[Row]] = {}
    for row in rows:
        if row.target is None:
            without.setdefault(row.section, []).append(row)
    folded = {section: found for section, found in without.items() if len(found) > FOLD}
    return [row for row in rows if row.target is not None or row.section not in folded], folded


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
