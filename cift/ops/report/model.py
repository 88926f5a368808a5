"""What a report says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from cift.benchmarks.measure import Result as Benchmark
from cift.benchmarks.measure import Row
from cift.benchmarks.soak.verdict import Soak
from cift.ops.report.cost import Cost
from cift.ops.report.gains import Tuned
from cift.ops.report.since import Since
from cift.ops.runner.play import Outcome

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


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Something installed on a host; `sha256` is that of its archive or package, empty where nobody knows it."""

    kind: Literal["release", "artifact", "package"]
    name: str
    version: str
    sha256: str = ""


class HostChecks(msgspec.Struct, frozen=True, kw_only=True):
    """verify-<host>.json: the rows, what is installed, and the host's plan (`cift plan --json`)."""

    host: str
    when: str
    rows: list[Check]
    plan: dict[str, Any] | None = None
    installed: list[Installed] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one run; a part that was not run is None or empty.

    `pictures` are the hosts' plans as SVG. `host` names the one host that a host's own report is about.
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
    tuning: list[Tuned] = []
    host: str = ""

    @property
    def hosts(self) -> list[str]:
        """Return every host that the run tells of."""
        lists: tuple[Sequence[HostChecks | Benchmark | Soak], ...] = (self.verify, self.benchmark, self.soak)
        return sorted({each.host for found in lists for each in found} | self.pictures.keys())

    def of(self, host: str) -> Report:
        """Return one host's part; what is the whole site's (deployment, replay, cost) stays with the site's report."""
        problems = [problem for problem in self.problems if problem.startswith(f"{host}: ")]
        since = self.since and self.since.of(host)
        services = self.services and Services(health=[each for each in self.services.health if each.host == host])
        return msgspec.structs.replace(
            self,
            host=host,
            problems=problems,
            verdict="failed" if problems else "passed",
            deploy=None,
            replay=None,
            cost=None,
            services=services if services and services.health else None,
            verify=[each for each in self.verify if each.host == host],
            benchmark=[each for each in self.benchmark if each.host == host],
            soak=[each for each in self.soak if each.host == host],
            tuning=[each for each in self.tuning if each.host == host],
            pictures={name: picture for name, picture in self.pictures.items() if name == host},
            since=since,
        )

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


def fold(rows: Sequence[Row]) -> tuple[list[Row], dict[str, list[Row]]]:
    """Return the rows to show at once, and by section those to fold away: many figures that nobody has a target for."""
    without: dict[str, list[Row]] = {}
    for row in rows:
        if row.target is None:
            without.setdefault(row.section, []).append(row)
    folded = {section: found for section, found in without.items() if len(found) > FOLD}
    return [row for row in rows if row.target is not None or row.section not in folded], folded
