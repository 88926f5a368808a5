"""Installing a release for real: from its archive alone, whole or not at all, and back to an earlier one."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load
from tests.unit.tiny_wheel import make_wheel

bundle = load("artifact/library/release_bundle.py")
install = load("artifact/library/release_install.py")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of releases, on a host where pip could reach no index."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/none")
    folder = tmp_path / "opt"
    folder.mkdir()
    return folder


def archive_of(tmp_path: Path, root: Path, version: str) -> dict[str, Any]:
    """Bring an archive with one wheel to the host; return what the role asks for."""
    house = tmp_path / f"house-{version}"
    house.mkdir()
    wheel = make_wheel(house, "tiny", version)
    (house / "requirements.txt").write_text(f"{bundle.requirement_of(wheel)}\n")
    archive = root / f"{version}.tar"
    bundle.pack(archive, house, [])
    return {
        "root": str(root),
        "version": version,
        "archive": str(archive),
        "sha256": bundle.sha256(archive),
        "keep": 5,
    }


def run(asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    result: dict[str, Any] = install.run(asked | changes, check_mode=False)
    return result


def live(root: Path) -> str:
    python = root / "current/bin/python"
    code = "import tiny; print(tiny.VERSION, tiny.__cached__)"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert Path(found[1]).is_file(), "byte code is made at install"
    return found[0]


def test_a_release_is_installed_made_live_and_found_again(tmp_path: Path, root: Path) -> None:
    asked = archive_of(tmp_path, root, "1.0")
    looked = run(asked, archive=None, sha256=None)
    assert (looked["changed"], looked["complete"]) == (False, False)
    assert install.run(asked, check_mode=True)["changed"]
    assert not (root / "releases").exists()

    assert run(asked) == {"changed": True, "complete": True, "previous": "", "pruned": []}
    assert live(root) == "1.0"
    assert sorted(path.name for path in root.iterdir()) == ["current", "releases"], "the archive is gone"
    assert run(asked, archive=None, sha256=None) == {
        "changed": False,
        "complete": True,
        "previous": "1.0",
        "pruned": [],
    }


def test_an_install_that_was_killed_is_done_again(tmp_path: Path, root: Path) -> None:
    asked = archive_of(tmp_path, root, "1.0")
    left = root / "releases/1.0"
    left.mkdir(parents=True)
    (left / "rubble").write_text("half an install")
    assert not run(asked, archive=None, sha256=None)["complete"]
    assert run(asked)["complete"]
    assert not (left / "rubble").exists()
    assert live(root) == "1.0"


def test_going_back_takes_a_link_and_no_archive(tmp_path: Path, root: Path) -> None:
    first = archive_of(tmp_path, root, "1.0")
    run(first)
    assert run(archive_of(tmp_path, root, "2.0"))["previous"] == "1.0"
    assert live(root) == "2.0"
    back = run(first, archive=None, sha256=None)
    assert (back["changed"], back["previous"]) == (True, "2.0")
    assert live(root) == "1.0"


def test_only_the_newest_releases_stay(tmp_path: Path, root: Path) -> None:
    for version in ["1.0", "2.0", "3.0"]:
        result = run(archive_of(tmp_path, root, version), keep=1)
    assert result["pruned"] == ["1.0"]
    assert sorted(path.name for path in (root / "releases").iterdir()) == ["2.0", "3.0"]


def test_the_release_before_stays_whatever_its_age(tmp_path: Path, root: Path) -> None:
    """After a rollback it is older than others, and still the one that a next rollback leads to."""
    first = archive_of(tmp_path, root, "1.0")
    run(first, keep=1)
    run(archive_of(tmp_path, root, "2.0"), keep=1)
    run(first, archive=None, sha256=None, keep=1)
    assert run(archive_of(tmp_path, root, "3.0"), keep=1)["pruned"] == ["2.0"]
    assert sorted(path.name for path in (root / "releases").iterdir()) == ["1.0", "3.0"]


def test_a_damaged_archive_changes_nothing(tmp_path: Path, root: Path) -> None:
    run(archive_of(tmp_path, root, "1.0"))
    asked = archive_of(tmp_path, root, "2.0")
    with Path(asked["archive"]).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(install.InstallError, match=r"has sha256 .*, expected .*; delete it"):
        run(asked)
    assert live(root) == "1.0"


def test_a_full_disk_is_found_before_anything_is_unpacked(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = archive_of(tmp_path, root, "1.0")
    monkeypatch.setattr(install, "UNPACKED_FACTOR", 1 << 50)
    with pytest.raises(install.InstallError, match=r"MiB free, the release needs \d+ MiB; free some space"):
        run(asked)
    assert list((root / "releases").iterdir()) == []


def test_an_archive_that_points_elsewhere_is_refused(tmp_path: Path, root: Path) -> None:
    asked = archive_of(tmp_path, root, "1.0")
    with tarfile.open(asked["archive"], "w") as tar:
        info = tarfile.TarInfo("../escaped")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(install.InstallError, match="which is no plain file"):
        run(asked, sha256=bundle.sha256(Path(asked["archive"])))
    assert not list(tmp_path.rglob("escaped"))
    assert not (root / "current").exists()


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path, root: Path) -> None:
    asked = archive_of(tmp_path, root, "1.0")
    house = tmp_path / "other"
    house.mkdir()
    make_wheel(house, "tiny", "1.0")
    (house / "requirements.txt").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    bundle.pack(Path(asked["archive"]), house, [])
    with pytest.raises(install.InstallError, match="Installing the wheels failed with exit status 1"):
        run(asked, sha256=bundle.sha256(Path(asked["archive"])))
    assert not run(asked, archive=None, sha256=None)["complete"]
    assert not (root / "current").exists()
