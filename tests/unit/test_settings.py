"""All tables of all roles together: each can be read, and every setting has one owner."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from cift.ops.plan import Core, Policy, Topology, make_plan
from cift.ops.plan.outcome import kernel_cmdline
from tests.unit.machine import ROLES

from ansible.module_utils import setting_files, setting_table  # isort: skip

TABLES = {
    path.parents[1].name: found
    for path in sorted(ROLES.glob("*/vars/main.yml"))
    if (found := (yaml.safe_load(path.read_text()) or {}).get(f"__{path.parents[1].name}_settings"))
}
PLACES = re.compile(r"sysctl\.d|grub\.d|tmpfiles\.d|GRUB_CMDLINE|/proc/sys/|/sys/kernel/mm|posix\.sysctl|sysctl -w")


def owners(kind: str, key: str) -> dict[str, set[str]]:
    found = defaultdict(set)
    for role, table in TABLES.items():
        for row in table:
            if row["kind"] == kind:
                found[str(row[key])].add(role)
    return found


def test_there_are_tables() -> None:
    assert {"kernel", "hugepages", "slices", "storage"} <= set(TABLES)


@pytest.mark.parametrize("role", TABLES)
def test_every_row_has_its_columns(role: str) -> None:
    setting_table.validate(TABLES[role])


@pytest.mark.parametrize("role", TABLES)
def test_a_computed_value_is_said_in_words(role: str) -> None:
    for row in TABLES[role]:
        if "{{" in str(row["value"]) and not re.fullmatch(r"\{\{ \w+ \}\}", str(row["value"])):
            assert row.get("value_is"), row["name"]
        if isinstance(row.get("each"), str):
            assert "{item}" in row["name"], row["name"]
            assert row.get("unset"), row["name"]
        if re.search(r"else none|none if|or none", str(row["value"])):
            assert row.get("unset"), row["name"]


@pytest.mark.parametrize(("kind", "key"), [("sysctl", "name"), ("unit", "unit"), ("sysfs", "path"), ("mount", "path")])
def test_a_setting_has_one_owner(kind: str, key: str) -> None:
    assert {name: roles for name, roles in owners(kind, key).items() if len(roles) > 1} == {}


def test_the_command_line_has_one_owner() -> None:
    found = {role for role, table in TABLES.items() for row in table if row["kind"] == "argument"}
    assert found == {"kernel"}
    names = [row["name"] for row in TABLES["kernel"] if row["kind"] == "argument"]
    assert len(names) == len(set(names))


def test_a_key_of_a_file_has_one_owner() -> None:
    found = defaultdict(list)
    for role, table in TABLES.items():
        for row in table:
            if row["kind"] == "ini":
                found[row["path"], row["section"], row["key"], str(row.get("each", ""))].append(role)
    assert {place: roles for place, roles in found.items() if len(roles) > 1} == {}


def test_nobody_sets_the_kernel_beside_the_tables() -> None:
    """No role's tasks, templates, handlers or defaults write where the tables write."""
    for path in sorted(filter(Path.is_file, ROLES.glob("*/*/*"))):
        if path.parts[-3] == "setting" or path.parts[-2] not in ("tasks", "templates", "handlers", "files"):
            continue
        assert not PLACES.search(path.read_text()), path


def test_files_of_two_areas_never_collide() -> None:
    rows = [{"kind": "sysctl", "name": "x", "value": 1}, {"kind": "sysfs", "name": "y", "path": "/sys/y", "value": 1}]
    assert not set(setting_files.render(rows, "kernel")) & set(setting_files.render(rows, "nic"))


def test_every_argument_of_the_planner_has_a_row() -> None:
    """The planner's command line and the kernel's table know the same words."""
    cores = tuple(Core(cpus=(cpu,), package=0, node=0, ccx=cpu // 4) for cpu in range(32))
    plan = make_plan(Topology(cores=cores, memory={0: 64 << 30}), Policy())
    known = {row["name"] for row in TABLES["kernel"] if row["kind"] == "argument"} | {"hugepages"}
    given = {word.partition("=")[0] for word in kernel_cmdline(plan).split()}
    assert {"isolcpus", "nohz_full", "hugepages"} <= given <= known
