"""What a host says it has installed: this machine's own packages, and folders as the roles leave them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import tests.unit.machine  # noqa: F401 - shows Python the roles' modules

from ansible.module_utils import setting_installed  # isort: skip


def test_releases_and_artifacts_come_with_their_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_installed, "packages", list)
    for name, file, said in (
        ("nats-server", "artifact.json", {"version": "2.15.1", "sha256": "ab"}),
        ("cift", "release.json", {"version": "2026.1", "archive_sha256": "cd"}),
        ("broken", "artifact.json", None),
        ("strange", "artifact.json", {"version": "1"}),
    ):
        folder = tmp_path / name / "1"
        folder.mkdir(parents=True)
        (folder / file).write_text(json.dumps(said) if said else "{")
        (tmp_path / name / "current").symlink_to("1")
    (tmp_path / "others").mkdir()
    assert setting_installed.installed(tmp_path) == [
        {"kind": "artifact", "name": "nats-server", "version": "2.15.1", "sha256": "ab"},
        {"kind": "release", "name": "cift", "version": "2026.1", "sha256": "cd"},
    ]


def test_every_package_of_this_machine_is_listed_with_its_version() -> None:
    rows = {row["name"]: row for row in setting_installed.packages()}
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "dpkg"], capture_output=True, text=True, check=True
    )
    assert rows["dpkg"]["version"] == asked.stdout
    assert all(len(row["sha256"]) in (0, 64) for row in rows.values())
    assert list(rows) == sorted(rows)


def test_a_version_that_no_index_has_has_no_checksum() -> None:
    assert setting_installed.checksums(["dpkg=0.0.0-nobody"]) == {}
