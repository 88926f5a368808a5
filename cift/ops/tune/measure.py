"""`cift tune measure`: each group of settings tried on a host, and what it bought there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cift.ops.report.model import ReportError
from cift.ops.report.reading import write_json
from cift.ops.runner.display import Display, print_failure
from cift.ops.runner.inventory import Inventory, read_inventory
from cift.ops.runner.play import Outcome, run_playbook
from cift.ops.runner.project import ProjectError, find_inventory, find_root
from cift.ops.tune.statistics import LEAST_RUNS, Gain
from cift.ops.tune.trial import Judged, Trials, judge, read_trials

_MARKS = {"bought": "[green]bought[/]", "cost": "[red]cost[/]", "no difference": "[dim]no difference seen[/]"}


def measure(
    inventory: Annotated[
        str, typer.Option("--inventory", "-i", help="A folder in inventories/, or a path.")
    ] = "sandbox",
    host: Annotated[
        str | None, typer.Option(help="The host to try them on; default: the inventory's only one.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A group of settings, may be given several times; default: every one.")
    ] = None,
    runs: Annotated[int, typer.Option(help=f"Pairs of measurements for each group, {LEAST_RUNS} or more.")] = 7,
    seconds: Annotated[int, typer.Option(help="How long each program measures in each of them.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Try one group of settings at a time on a host, measure, and say what each bought there, in us.

    A group's settings are set and taken back in turn, and each time cyclictest (how late a thread wakes up), oslat
    (what takes a CPU from a thread that never sleeps) and the core's own order book are measured. What was there is
    given back after each group. A host that is tuned already is compared with what it had before tune.yml first ran
    there. A difference counts where its 95 % interval (of the median, by ranks) is on one side of zero.

    Only what a running kernel takes can be tried: settings of the command line and others that need a reboot are
    listed, not tried. Stop the services first, or isolated CPUs that they run on are left out.

        cift tune measure --inventory equinix --host trading-1 --group memory --runs 15 --seconds 30
    """
    console = Console(stderr=as_json)
    if runs < LEAST_RUNS or seconds < 1:
        _refuse(f"--runs {runs} --seconds {seconds}: expected {LEAST_RUNS} runs and one second or more")
    try:
        root = find_root()
        found = read_inventory(root, find_inventory(root, inventory))
        chosen = _host(found, host)
        folder = root / "reports" / found.name / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-measure")
        variables = {
            "proof_trial_groups": group or [],
            "proof_trial_runs": runs,
            "proof_trial_seconds": seconds,
            "cift_report_dir": str(folder),
        }
        outcome = _play(console, root, found, chosen, folder, variables)
        if not outcome.ok:
            print_failure(console, outcome)
            raise typer.Exit(130 if outcome.status == "canceled" else 1)
        trials = read_trials(folder / f"measure-{chosen}.json")
    except (ProjectError, ReportError) as error:
        _refuse(error)
    judged = judge(trials)
    write_json(folder / f"gains-{chosen}.json", {"host": chosen, "when": trials.when, "groups": judged})
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(judged), indent=2).decode() + "\n")
    else:
        draw(console, trials, judged)
        console.print(f"figures: {folder}", highlight=False, soft_wrap=True)


def _refuse(problem: object) -> NoReturn:
    Console(stderr=True).print(f"cift tune measure: {problem}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def _host(inventory: Inventory, host: str | None) -> str:
    known = sorted(inventory.hostvars)
    if host is None and len(known) == 1:
        return known[0]
    if host is None or host not in known:
        raise ProjectError(f"--host: found {host or 'none'}, expected one of {', '.join(known)}")
    return host


def _play(
    console: Console, root: Path, inventory: Inventory, host: str, folder: Path, variables: dict[str, object]
) -> Outcome:
    with Display(console) as display:
        return run_playbook(
            root,
            "playbooks/measure.yml",
            [inventory.path],
            folder / "measure.log",
            on_event=display.update,
            extra_vars=variables,
            limit=host,
        )


def draw(console: Console, trials: Trials, judged: list[Judged]) -> None:
    """Print what each group bought, what could not be tried or measured, and why."""
    title = f"{trials.host}: what each group of settings buys, in us, {trials.seconds} s a measurement"
    table = Table(title=title, title_justify="left", box=None)
    for name in ("group", "figure"):
        table.add_column(name)
    for name in ("without", "with", "bought", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in judged:
        for number, found in enumerate(one.gains):
            table.add_row(one.group.name if number == 0 else "", *_cells(found))
    if table.row_count:
        console.print(table)
    for line in _lines(trials, judged):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(trials: Trials, judged: list[Judged]) -> Iterator[str]:
    for name, why in trials.missing.items():
        yield f"not measured: {name}: {why}"
    for one in judged:
        for setting, text in one.group.tried.items():
            yield f"tried in {one.group.name}: {setting}, {text}"
    for one in judged:
        if not one.gains:
            yield f"no figures for {one.group.name}: {why_not(one)}"
        reasons: dict[str, list[str]] = {}
        for setting, why in one.group.left.items():
            reasons.setdefault(why, []).append(setting)
        for why, settings in reasons.items():
            more = f" and {len(settings) - 3} more" if len(settings) > 3 else ""
            yield f"  {why}: {', '.join(settings[:3])}{more}"


def _cells(found: Gain) -> list[str]:
    numbers = (f"{found.without:.2f}", f"{found.with_:.2f}", f"{found.bought:+.2f}")
    return [found.figure, *numbers, f"{found.low:+.2f} to {found.high:+.2f}", _MARKS[found.says]]


def why_not(one: Judged) -> str:
    """Return in one sentence why a group has no figures."""
    group = one.group
    if group.problem:
        return group.problem
    if group.reboot and not group.left:
        return f"only a reboot brings it: {', '.join(group.reboot)}"
    if not group.tried:
        also = f"; only a reboot brings {', '.join(group.reboot)}" if group.reboot else ""
        return f"nothing to try in the running host{also}"
    return "too few runs"
