"""The wheelhouse: what a lock comes to on a host's Python, and what is fetched of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.unit.role_code import ROLES, load
from tests.unit.tiny_wheel import make_wheel

wheelhouse = load("artifact/library/wheelhouse.py")

LOCK = """\
# a comment
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:ab
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:ba
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:ca
async-timeout==5.0.1 ; python_full_version < '3.11.3' \\
    --hash=sha256:da
typer==0.15.0 \\
    --hash=sha256:ea
"""


def test_markers_are_settled_for_the_host_and_not_for_the_builder() -> None:
    assert wheelhouse.settle_markers(LOCK, "3.13.5", "x86_64") == [
        "numpy==2.5.5 --hash=sha256:ba",
        "typer==0.15.0 --hash=sha256:ea",
    ]
    assert wheelhouse.settle_markers(LOCK, "3.11.2", "x86_64") == [
        "numpy==2.4.6 --hash=sha256:aa --hash=sha256:ab",
        "async-timeout==5.0.1 --hash=sha256:da",
        "typer==0.15.0 --hash=sha256:ea",
    ]


@pytest.mark.parametrize(
    ("lock", "found"),
    [("typer==0.15.0\n", "has no --hash"), ("ty per==1 --hash=sha256:aa\n", "is no requirement")],
)
def test_a_line_that_pip_could_not_hold_to_its_word_is_refused(lock: str, found: str) -> None:
    with pytest.raises(wheelhouse.WheelhouseError, match=found):
        wheelhouse.settle_markers(lock, "3.13.5", "x86_64")


def test_the_newest_platform_tag_is_that_of_the_hosts_c_library() -> None:
    tags = wheelhouse.platform_tags("x86_64", "2.36")
    assert tags[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_28_x86_64", "manylinux_2_5_x86_64", "manylinux2014_x86_64"} <= set(tags)
    assert "manylinux_2_37_x86_64" not in tags
    assert not [tag for tag in wheelhouse.platform_tags("aarch64", "2.36") if "x86_64" in tag]


@pytest.mark.parametrize("lock", ["cift.lock", "chdb.lock"])
@pytest.mark.parametrize("python", ["3.11.2", "3.13.5"])
def test_every_line_of_our_own_locks_can_be_settled(lock: str, python: str) -> None:
    lines = wheelhouse.settle_markers((ROLES.parent / "requirements" / lock).read_text(), python, "x86_64")
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)) > 5
    assert not [line for line in lines if ";" in line]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a role asks for, with a folder of wheels as the only package index."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = make_wheel(index, "tiny")
    lock = tmp_path / "tiny.lock"
    lock.write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return {
        "requirements": str(lock),
        "directory": str(tmp_path / "wheels"),
        "python_version": "3.13.5",
        "architecture": "x86_64",
        "glibc": "2.36",
    }


def test_a_second_run_finds_what_the_first_one_fetched(asked: dict[str, str]) -> None:
    before = wheelhouse.run(asked, check_mode=True)
    assert before["changed"]
    assert not before["present"]
    assert not Path(asked["directory"]).exists()

    first = wheelhouse.run(asked, check_mode=False)
    assert (first["changed"], first["present"], first["wheels"]) == (True, True, 1)
    second = wheelhouse.run(asked, check_mode=False)
    assert not second["changed"]
    assert second["path"] == first["path"]
    assert (Path(second["path"]) / "requirements.txt").read_text().startswith("tiny==1.0 --hash=")


def test_a_wheel_that_was_cut_short_is_fetched_again(asked: dict[str, str]) -> None:
    folder = Path(wheelhouse.run(asked, check_mode=False)["path"])
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:100])
    assert wheelhouse.run(asked, check_mode=False)["changed"]
    assert wheel.read_bytes() == whole
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_another_python_or_lock_is_another_wheelhouse(asked: dict[str, str]) -> None:
    first = wheelhouse.run(asked, check_mode=True)["path"]
    assert wheelhouse.run(asked | {"python_version": "3.11.2"}, check_mode=True)["path"] != first
    assert wheelhouse.run(asked | {"python_version": "3.13.1"}, check_mode=True)["path"] == first
    Path(asked["requirements"]).write_text("tiny==1.0 --hash=sha256:00\n")
    assert wheelhouse.run(asked, check_mode=True)["path"] != first


def test_a_wrong_hash_leaves_nothing_behind_and_says_what_to_do(asked: dict[str, str]) -> None:
    Path(asked["requirements"]).write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(wheelhouse.WheelhouseError, match=r"pip could not fetch.*pip config list"):
        wheelhouse.run(asked, check_mode=False)
    assert [path.name for path in Path(asked["directory"]).iterdir()] == [".lock"]


def test_the_manifest_names_every_wheel_with_its_hash(asked: dict[str, str]) -> None:
    folder = Path(wheelhouse.run(asked, check_mode=False)["path"])
    manifest = json.loads((folder / "wheelhouse.json").read_text())
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    expected = {"size": wheel.stat().st_size, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    assert manifest == {wheel.name: expected}
