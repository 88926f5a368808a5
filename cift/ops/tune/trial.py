"""What a host's trials say: the file that the playbook leaves, read and judged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cift.ops.report.model import ReportError
from cift.ops.report.reading import read_json
from cift.ops.tune.statistics import LEAST_RUNS, Gain, gain


class TriedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group of settings: values tried by setting, why others were left, what needs a reboot, the runs' figures."""

    name: str
    tried: dict[str, str] = {}
    left: dict[str, str] = {}
    reboot: list[str] = []
    runs: list[dict[str, dict[str, float]]] = []
    problem: str = ""


class Trials(msgspec.Struct, frozen=True, kw_only=True):
    """measure-<host>.json: every group, and what could not be measured on the host, with the reason."""

    host: str
    when: str
    seconds: int
    groups: list[TriedGroup]
    missing: dict[str, str] = {}


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A group and what it bought, by figure."""

    group: TriedGroup
    gains: list[Gain]


def read_trials(path: Path) -> Trials:
    """Read a host's trials.

    Raises:
        ReportError: the file isn't there, or can't be read.
    """
    found = read_json(path, Trials)
    if found is None:
        raise ReportError(f"{path}: not there; the playbook writes it")
    return found


def judge(trials: Trials) -> list[Judged]:
    """Return what each group bought; a group without enough runs has no gains."""
    return [Judged(group=group, gains=_gains(group)) for group in trials.groups]


def _gains(group: TriedGroup) -> list[Gain]:
    pairs = [pair for pair in group.runs if {"with", "without"} <= pair.keys()]
    if len(pairs) < LEAST_RUNS:
        return []
    figures = [name for name in pairs[0]["with"] if all(name in half for pair in pairs for half in pair.values())]
    return [
        gain(name, [pair["without"][name] for pair in pairs], [pair["with"][name] for pair in pairs])
        for name in figures
    ]
