"""A release's version and archives: the same sources give the same bits, and nothing is built twice."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load
from tests.unit.tiny_wheel import make_wheel

bundle = load("artifact/library/release_bundle.py")

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "2.1.0"
requires-python = ">=3.11"
[tool.hatch.build.targets.wheel]
packages = ["shop"]
"""


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """What a role asks for: a small project, a wheelhouse of one wheel, and one wheel more."""
    project = tmp_path / "project"
    (project / "shop").mkdir(parents=True)
    (project / "shop/__init__.py").write_text("OPEN = True\n")
    (project / "pyproject.toml").write_text(PYPROJECT)
    house = tmp_path / "house"
    house.mkdir()
    wheel = make_wheel(house, "tiny")
    (house / "requirements.txt").write_text(f"tiny==1.0 --hash=sha256:{bundle.sha256(wheel)}\n")
    core = tmp_path / "core"
    core.mkdir()
    return {
        "project": str(project),
        "sources": ["shop", "pyproject.toml"],
        "salt": "",
        "directory": str(tmp_path / "releases"),
        "variant": "py3.13.5-znver4",
        "wheelhouse": str(house),
        "wheels": [str(make_wheel(core, "native"))],
        "keep": 5,
    }


def build(asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    result: dict[str, Any] = bundle.run(asked | changes, check_mode=False)
    return result


def test_the_version_is_made_from_names_and_contents_alone(asked: dict[str, Any]) -> None:
    project = Path(asked["project"])
    version = bundle.release_version(project, asked["sources"], "")
    assert version.startswith("2.1.0+")
    assert len(version) == len("2.1.0+") + 12
    os.utime(project / "shop/__init__.py", (0, 0))
    (project / "shop/__pycache__").mkdir()
    (project / "shop/__pycache__/x.pyc").write_bytes(b"x")
    (project / "unrelated.md").write_text("x")
    assert bundle.release_version(project, asked["sources"], "") == version
    assert bundle.release_version(project, asked["sources"], "-Cdebuginfo=1") != version
    (project / "shop/__init__.py").rename(project / "shop/start.py")
    assert bundle.release_version(project, asked["sources"], "") != version


def test_a_source_that_is_not_there_is_named(asked: dict[str, Any]) -> None:
    with pytest.raises(bundle.ReleaseError, match=r"project/lock does not exist"):
        build(asked, sources=["shop", "lock"])


def test_the_archive_holds_everything_with_its_hashes(asked: dict[str, Any]) -> None:
    result = build(asked)
    assert result["changed"]
    assert hashlib.sha256(Path(result["archive"]).read_bytes()).hexdigest() == result["sha256"]
    with tarfile.open(result["archive"]) as tar:
        assert sorted(tar.getnames()) == [
            "requirements.txt",
            "wheels/native-1.0-py3-none-any.whl",
            "wheels/shop-2.1.0-py3-none-any.whl",
            "wheels/tiny-1.0-py3-none-any.whl",
        ]
        requirements = tar.extractfile("requirements.txt")
        assert requirements is not None
        lines = requirements.read().decode().splitlines()
        assert [line.split(" --hash=sha256:")[0] for line in lines] == ["tiny==1.0", "shop==2.1.0", "native==1.0"]


def test_a_second_run_builds_nothing(asked: dict[str, Any]) -> None:
    assert bundle.run(asked, check_mode=True) | {"version": ""} == {
        "changed": True,
        "version": "",
        "archive": bundle.run(asked, check_mode=True)["archive"],
        "sha256": "",
        "size": 0,
    }
    assert not Path(asked["directory"]).exists()
    first = build(asked)
    assert build(asked) == first | {"changed": False}


def test_the_same_sources_give_the_same_bits_elsewhere(asked: dict[str, Any], tmp_path: Path) -> None:
    here, there = build(asked), build(asked, directory=str(tmp_path / "elsewhere"))
    assert (here["version"], here["sha256"]) == (there["version"], there["sha256"])


def test_kinds_of_hosts_share_the_application_s_wheel(asked: dict[str, Any]) -> None:
    one, other = build(asked), build(asked, variant="py3.11.2-znver2", wheels=[])
    assert one["version"] == other["version"]
    manifest = json.loads((Path(one["archive"]).parent / "MANIFEST.json").read_text())
    assert sorted(manifest["archives"]) == ["py3.11.2-znver2", "py3.13.5-znver4"]
    assert manifest["application"]["file"] == "shop-2.1.0-py3-none-any.whl"


def test_an_archive_that_was_cut_short_is_packed_again(asked: dict[str, Any]) -> None:
    first = build(asked)
    archive = Path(first["archive"])
    archive.write_bytes(archive.read_bytes()[:1000])
    assert build(asked) == first
    assert bundle.sha256(archive) == first["sha256"]


def test_old_releases_make_room_and_the_live_one_stays(asked: dict[str, Any]) -> None:
    versions = []
    for number in range(4):
        Path(asked["project"], "shop/__init__.py").write_text(f"NUMBER = {number}\n")
        versions.append(build(asked, keep=2)["version"])
        os.utime(Path(asked["directory"], versions[-1]), (number, number))
    assert {path.name for path in Path(asked["directory"]).iterdir() if path.is_dir()} == set(versions[-2:])


def test_a_project_that_cannot_be_built_says_so(asked: dict[str, Any]) -> None:
    Path(asked["project"], "pyproject.toml").write_text(PYPROJECT.replace('["shop"]', "3"))
    with pytest.raises(bundle.ReleaseError, match=r"wheel could not be built .*hatchling build"):
        build(asked)
