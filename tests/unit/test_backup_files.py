"""Folders of configuration: unpacked beside, and over the live files only when that is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from tests.unit.role_code import load


def test_what_is_replaced_is_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    files, live = load("backup/files/backup_files.py"), tmp_path / "etc"
    live.mkdir(mode=0o750)
    (live / "a").write_text("saved")
    (live / "b").write_text("saved")
    archive = tmp_path / "archive"
    with archive.open("wb") as out:
        files.save({"paths": [str(live)]}, out)
    (live / "a").write_text("live")
    (live / "b").unlink()
    (live / "later").write_text("live")
    order = {"into": str(tmp_path / "beside")}
    inside = tmp_path / "beside" / live.relative_to("/")
    with archive.open("rb") as source:
        files.unpack(order, source)
    assert (inside / "a").read_text() == "saved"
    assert (live / "a").read_text() == "live"
    parent = tmp_path.stat().st_mode
    with archive.open("rb") as source:
        files.replace(order, source)
    assert [(live / name).read_text() for name in ("a", "b", "later")] == ["saved", "saved", "live"]
    (before,) = tmp_path.glob("beside.before-*")
    assert (before / live.relative_to("/") / "a").read_text() == "live"
    assert tmp_path.stat().st_mode == parent


def test_a_folder_in_which_files_come_and_go_is_saved(tmp_path: Path) -> None:
    files, live = load("backup/files/backup_files.py"), tmp_path / "archive"
    live.mkdir()
    (live / "a").write_bytes(b"x" * 100_000)
    (live / "gone").write_text("gone")
    (live / "half.part").write_text("half")

    class Busy(io.BytesIO):
        """Takes what is written, and each time a file comes and one goes."""

        def write(self, data: Any) -> int:
            (live / "later").write_text("later")
            (live / "gone").unlink(missing_ok=True)
            return super().write(data)

    out = Busy()
    files.save({"paths": [str(live), str(tmp_path / "missing")]}, out)
    (tmp_path / "saved").write_bytes(out.getvalue())
    with (tmp_path / "saved").open("rb") as source:
        files.unpack({"into": str(tmp_path / "beside")}, source)
    (inside,) = (tmp_path / "beside").rglob("archive")
    assert [one.name for one in inside.iterdir()] == ["a"]
    assert (inside / "a").read_bytes() == (live / "a").read_bytes()
