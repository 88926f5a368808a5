"""The room `artifact`: a checksum that differs stops everything, and an installation is whole or not there."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import ansible.module_utils
import pytest
import yaml

ROOM = Path(__file__).parents[2] / "roles/artifact"
ansible.module_utils.__path__.append(str(ROOM / "module_utils"))

from ansible.module_utils import artifact_source, artifact_table  # noqa: E402


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOM / f"library/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


install = module("artifact_install")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with one archive, `tool-1.0.tar.gz`: a site's mirror without internet."""
    (tmp_path / "tool-1.0/bin").mkdir(parents=True)
    (tmp_path / "tool-1.0/bin/tool").write_text("#!/bin/sh\n")
    folder = tmp_path / "mirror"
    folder.mkdir()
    with tarfile.open(folder / "tool-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "tool-1.0", "tool-1.0")
    return folder


@pytest.fixture
def item(mirror: Path) -> dict[str, Any]:
    digest = hashlib.sha256((mirror / "tool-1.0.tar.gz").read_bytes()).hexdigest()
    address = "https://nowhere.invalid/{version}/tool-{version}.tar.gz"
    table = {"tool": {"version": "1.0", "kind": "archive", "address": address, "strip": 1}}
    table["tool"]["builds"] = {"x86_64": {"sha256": digest}}
    return artifact_table.entry(table, "tool", "x86_64")


def test_the_table_is_whole() -> None:
    table = yaml.safe_load((ROOM / "vars/main.yml").read_text())["__artifact_table"]
    for name, found in table.items():
        assert found["licence"]
        for architecture in found["builds"]:
            assert artifact_table.entry(table, name, architecture)["version"]


@pytest.mark.parametrize(
    ("name", "architecture", "sentence"),
    [("tools", "x86_64", "is not in roles/artifact"), ("tool", "riscv64", "no build for riscv64 .* only x86_64")],
)
def test_what_the_table_lacks_is_named(name: str, architecture: str, sentence: str) -> None:
    table = {"tool": {"version": "1.0", "kind": "archive", "builds": {"x86_64": {"sha256": "0" * 64}}}}
    with pytest.raises(artifact_table.ArtifactError, match=sentence):
        artifact_table.entry(table, name, architecture)


def test_fetched_once_from_the_mirror(item: dict[str, Any], mirror: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path, fresh = artifact_source.fetch(item, cache, mirror.as_uri())
    assert fresh
    assert artifact_table.sha256(path) == item["sha256"]
    (mirror / "tool-1.0.tar.gz").unlink()
    assert artifact_source.fetch(item, cache, mirror.as_uri()) == (path, False)


def test_a_damaged_download_never_reaches_the_cache(item: dict[str, Any], mirror: Path, tmp_path: Path) -> None:
    (mirror / "tool-1.0.tar.gz").write_bytes(b"tampered")
    with pytest.raises(artifact_table.ArtifactError, match=f"expected {item['sha256']}.*nothing was installed"):
        artifact_source.fetch(item, tmp_path / "cache", mirror.as_uri())
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_installed_whole_and_current(item: dict[str, Any], mirror: Path, tmp_path: Path) -> None:
    for _ in range(2):  # a second time over the first
        target = install.install(item, mirror / "tool-1.0.tar.gz", tmp_path / "opt")
    assert (tmp_path / "opt/tool/current").readlink() == Path("1.0")
    assert (target / "bin/tool").read_text() == "#!/bin/sh\n"
    assert json.loads((target / "artifact.json").read_text()) == {"version": "1.0", "sha256": item["sha256"]}
    assert sorted(path.name for path in (tmp_path / "opt/tool").iterdir()) == ["1.0", "current"]


def test_a_failed_installation_leaves_the_current_one(item: dict[str, Any], mirror: Path, tmp_path: Path) -> None:
    install.install(item, mirror / "tool-1.0.tar.gz", tmp_path / "opt")
    newer = item | {"version": "2.0", "files": {"bin/missing": {"path": "bin/tool", "mode": "0755"}}}
    with pytest.raises(artifact_table.ArtifactError, match="has no file bin/missing"):
        install.install(newer, mirror / "tool-1.0.tar.gz", tmp_path / "opt")
    assert sorted(path.name for path in (tmp_path / "opt/tool").iterdir()) == ["1.0", "current"]


def test_chosen_files_of_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "tool.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tool-1.0.data/scripts/tool", "binary")
        archive.writestr("tool.dist-info/METADATA", "")
    files = {"tool-{version}.data/scripts/tool": {"path": "bin/tool", "mode": "0755"}}
    digest = artifact_table.sha256(wheel)
    item = {"name": "tool", "version": "1.0", "architecture": "x86_64", "sha256": digest, "files": files}
    target = install.install(item, wheel, tmp_path / "opt")
    assert (target / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert not (target / "tool.dist-info").exists()


def test_what_would_leave_the_folder_is_not_unpacked(tmp_path: Path) -> None:
    archive, folder = tmp_path / "bad.tar.gz", tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("good", "../out"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(OSError, match=r"\.\."):
        install.unpack_all(archive, folder)
    assert not (tmp_path / "a" / "out").exists()


def test_a_truncated_archive_says_so(mirror: Path, tmp_path: Path) -> None:
    archive = tmp_path / "short.tar.gz"
    archive.write_bytes((mirror / "tool-1.0.tar.gz").read_bytes()[:-20])
    with pytest.raises(OSError, match=r"(?i)unexpected|not recoverable|error"):
        install.unpack_all(archive, tmp_path)
