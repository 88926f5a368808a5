"""The folder of backups: whole or not there, damage found, the last good one never pruned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "roles/backup/files"))
import backup_folder

from tests.unit.role_render import refusals


@pytest.fixture
def identity() -> str:
    return subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def partial(root: Path, name: str, identity: str) -> None:
    folder = root / f".partial-{name}" / "host"
    folder.mkdir(parents=True)
    known = subprocess.run(["age-keygen", "-y"], input=identity, check=True, capture_output=True, text=True)
    subprocess.run(["age", "-r", known.stdout.strip(), "-o", folder / "nats.age"], input=b"x" * 1000, check=True)
    row = {"counts": {}, "sha256": backup_folder.sha256(folder / "nats.age"), "bytes": 1}
    (folder / "nats.json").write_text(json.dumps(row))


def test_a_backup_has_its_name_last_and_reads_back(root: Path, identity: str) -> None:
    partial(root, "1", identity)
    assert backup_folder.whole(root) == []
    backup_folder.finish(root, "1")
    assert backup_folder.check(root, "newest", identity) == "1"
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=root / "1", check=False).returncode == 0
    copy = root.parent / "remote"  # rclone's own local remote stands for S3
    subprocess.run(["rclone", "copy", root / "1", copy / "1"], check=True, capture_output=True)
    assert backup_folder.check(copy, "1", identity) == "1"


def test_damage_a_missing_archive_and_a_wrong_key_are_found(root: Path, identity: str) -> None:
    partial(root, "1", identity)
    backup_folder.finish(root, "1")
    archive = root / "1" / "host" / "nats.age"
    whole = archive.read_bytes()
    for content in (whole[:-1], whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:]):
        archive.write_bytes(content)
        with pytest.raises(backup_folder.BackupError, match="damaged"):
            backup_folder.check(root, "1", identity)
    archive.unlink()
    with pytest.raises(backup_folder.BackupError, match="missing"):
        backup_folder.check(root, "1", identity)
    archive.write_bytes(whole)
    other = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
    with pytest.raises(backup_folder.BackupError, match="can't be decrypted") as refused:
        backup_folder.check(root, "1", other)
    assert other.split()[-1] not in str(refused.value)
    with pytest.raises(backup_folder.BackupError, match="found no backup 2, expected one of 1"):
        backup_folder.check(root, "2", identity)


def test_what_the_host_did_not_send_whole_is_not_kept(root: Path, identity: str) -> None:
    partial(root, "1", identity)
    (root / ".partial-1/host/nats.age").write_bytes(b"short")
    with pytest.raises(backup_folder.BackupError, match="not what the host sent"):
        backup_folder.finish(root, "1")
    assert backup_folder.whole(root) == []


def test_pruning_keeps_the_newest_and_always_one(root: Path, identity: str) -> None:
    for name in ("1", "2", "3"):
        partial(root, name, identity)
        backup_folder.finish(root, name)
    partial(root, "killed", identity)
    assert backup_folder.prune(root, 2) == "1"
    assert sorted(one.name for one in root.iterdir()) == ["2", "3"]
    backup_folder.prune(root, 0)
    assert backup_folder.whole(root) == ["3"]


def test_the_path_of_a_key_is_no_key(tmp_path: Path, identity: str) -> None:
    given = {"path": "/mnt/key.age", "empty": "", "file": identity, "key": identity.split()[-1]}
    said = refusals("backup", "identity", {name: {"backup_identity": text} for name, text in given.items()}, tmp_path)
    assert (
        "found 12 characters that are no secret key of age, expected AGE-SECRET-KEY-...; give the key" in said["path"]
    )
    assert "found 0 characters" in said["empty"]
    assert (said["file"], said["key"]) == ("", "")
