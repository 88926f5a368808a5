"""Every role keeps the contract of its house: specs and defaults say the same, and what it promises is read back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) or {}


def specs(role: Path) -> dict[str, Any]:
    return load(role / "meta/argument_specs.yml")["argument_specs"]


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_specs_and_defaults_have_the_same_keys(role: Path) -> None:
    defaults = set(load(role / "defaults/main.yml"))
    for entry_point, spec in specs(role).items():
        options = spec.get("options", {})
        required = {name for name, option in options.items() if option.get("required")}
        assert set(options) - required <= defaults, entry_point
    assert set(specs(role)["main"].get("options", {})) >= defaults


def test_defaults_are_of_their_types_and_choices(role: Path) -> None:
    options = specs(role)["main"].get("options", {})
    plain = {
        name: value
        for name, value in load(role / "defaults/main.yml").items()
        if not (isinstance(value, str) and "{{" in value)
    }
    validator = ArgumentSpecValidator({name: options[name] for name in plain})
    assert validator.validate(plain).error_messages == []


def test_every_default_is_explained(role: Path) -> None:
    """A comment stands above each public variable, or above the block that it is in."""
    for block in (role / "defaults/main.yml").read_text().removeprefix("---\n").strip().split("\n\n"):
        assert block.lstrip().startswith("#"), block.splitlines()[0]


def test_variables_are_public_or_private_by_name(role: Path) -> None:
    shared = {"cift_builder", "cift_artifact_mirror", "cift_report_dir", "host_reboot_allowed"}
    for name in load(role / "defaults/main.yml"):
        assert name in shared or name.startswith((f"{role.name}_", f"{role.name.removesuffix('s')}_")), name
    for name in load(role / "vars/main.yml") if (role / "vars/main.yml").exists() else {}:
        assert name.startswith(f"__{role.name}_"), name


def test_what_main_promises_verify_reads_back(role: Path) -> None:
    assert (role / "tasks/verify.yml").exists()
    assert "verify" in specs(role)


def test_notified_handlers_exist(role: Path) -> None:
    handlers = role / "handlers/main.yml"
    known = {handler["name"] for handler in load(handlers)} if handlers.exists() else set()
    text = "".join(path.read_text() for path in (role / "tasks").glob("*.yml"))
    for name in re.findall(r"notify: (\w[^\n]*)", text):
        assert name in known


def test_a_task_that_may_be_skipped_overwrites_no_result(role: Path) -> None:
    """Ansible registers a skip too: what an earlier task of the file had found would be lost."""
    for path in (role / "tasks").glob("*.yml"):
        registered: dict[str, Any] = {}
        for name, condition in registers(load(path) or []):
            assert condition in (None, registered.get(name, condition)), f"{path}: {name}"
            registered.setdefault(name, condition)


def registers(tasks: list[dict[str, Any]], outer: Any = None) -> list[tuple[str, Any]]:
    """Each name that is registered, with the condition that it hangs on, in the file's order."""
    found: list[tuple[str, Any]] = []
    for task in tasks:
        condition = (outer, task["when"]) if "when" in task else outer
        if "register" in task:
            found.append((task["register"], condition))
        for part in ("block", "rescue", "always"):
            found += registers(task.get(part, []), condition)
    return found
