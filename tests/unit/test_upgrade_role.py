"""The role upgrade: the way back leads to where the version of before lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.role_code import ROLES
from tests.unit.role_render import evaluate, play


@pytest.mark.parametrize(
    ("service", "link"),
    [("nats", "/opt/nats-server/current to 2.1"), ("cift", "/opt/cift/current to releases/2.1")],
)
def test_the_way_back(service: str, link: str, tmp_path: Path) -> None:
    known = {"upgrade_service": service, "__upgrade_now": "2.1", "__upgrade_left": {}}
    expression = "(__upgrade_home ~ '/current to ' ~ __upgrade_beside ~ __upgrade_before)"
    assert evaluate("upgrade", expression, known, tmp_path) == link


def test_settings_go_back_with_the_version(tmp_path: Path) -> None:
    """The tasks themselves, on files of the test's own."""
    units, kept = tmp_path / "system", tmp_path / "upgrade/cift"
    for folder in (units, kept, tmp_path / "secrets"):
        folder.mkdir(parents=True)
    before = {
        tmp_path / "cift.env": ("CIFT_RELEASE=1\n", 0o644),
        tmp_path / "secrets/api.env": ("PASSWORD=old\n", 0o600),
        units / "cift-api@.service": ("[Unit]\n", 0o644),
        units / "cift-engine.service": ("[Unit]\n", 0o644),
    }
    other = units / "cift-drift.service"

    def write(text: str) -> None:
        for file, (own, mode) in before.items():
            file.write_text(text or own)
            file.chmod(mode)
        other.write_text(text or "[Unit]\n")

    def run(tasks: str) -> None:
        known = {
            "upgrade_service": "cift",
            "upgrade_dir": str(tmp_path / "upgrade"),
            "__upgrade_configuration": f"{tmp_path}/cift.env {tmp_path}/secrets {units}/cift-{{api,engine}}*",
        }
        play(
            "upgrade",
            [{"ansible.builtin.include_tasks": f"{ROLES}/upgrade/tasks/{tasks}.yml", "vars": known}],
            tmp_path,
        )

    write("")
    run("keep_settings")
    assert (kept / "settings.tar").stat().st_mode & 0o777 == 0o600
    write("of the new version\n")
    run("back_settings")
    assert {file: (file.read_text(), file.stat().st_mode & 0o777) for file in before} == before
    assert other.read_text() == "of the new version\n"
    run("over")
    assert list(kept.iterdir()) == []
    write("of the new version\n")
    run("back_settings")  # nothing was kept: by an upgrade that an older checkout began
    assert (tmp_path / "cift.env").read_text() == "of the new version\n"
