"""Dragonfly's installation from a site's mirror on loopback.

The server itself can't be had here: the archive has the publisher's name and layout, and in it a program that prints
its arguments.
"""

from __future__ import annotations

import functools
import http.server
import io
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import ansible.module_utils
import pytest
import yaml

from cift.ops.rooms import room
from tests.unit.role_code import ROLES, load
from tests.unit.role_render import render

ansible.module_utils.__path__.append(str(ROLES / "artifact/module_utils"))
table, source = room("artifact", "artifact_table"), room("artifact", "artifact_source")
install = load("artifact/library/artifact_install.py").install
PROGRAM = b'#!/bin/sh\nfor word; do echo "$word"; done\n'


def entry(architecture: str) -> dict[str, object]:
    known = yaml.safe_load((ROLES / "artifact/vars/main.yml").read_text())["__artifact_table"]
    return dict(table.entry(known, "dragonfly", architecture))


@pytest.fixture(params=["x86_64", "aarch64"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mirror(tmp_path: Path, architecture: str) -> Iterator[tuple[str, Path]]:
    """A mirror's address and its folder, with one archive."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with tarfile.open(folder / f"dragonfly-{architecture}.tar.gz", "w:gz") as archive:
        for name, content in ((f"dragonfly-{architecture}", PROGRAM), ("LICENSE.md", b"BSL 1.1\n")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()


def test_the_unit_starts_what_the_mirror_serves(mirror: tuple[str, Path], architecture: str, tmp_path: Path) -> None:
    address, folder = mirror
    archive = folder / f"dragonfly-{architecture}.tar.gz"
    (folder / "SHA256SUMS").write_text(f"{table.sha256(archive)}  {archive.name}\n")
    item = entry(architecture)
    path, fresh = source.fetch(item, tmp_path / "cache", address)
    assert fresh
    target = install(item, path, tmp_path / "opt")
    assert target == tmp_path / "opt/dragonfly/1.40.1"
    assert sorted(str(file.relative_to(target)) for file in target.rglob("[!.]*")) == [
        "LICENSE.md", "artifact.json", "bin", "bin/dragonfly"
    ]  # fmt: skip
    if architecture == "x86_64":  # the unit is the same one
        unit = {"dragonfly_password": "secret", "ansible_managed": "ours"}
        render("dragonfly", {"unit": unit}, ["dragonfly.service"], tmp_path)
        (line,) = re.findall(r"^ExecStart=(.*)$", (tmp_path / "unit/dragonfly.service").read_text(), re.MULTILINE)
        words = line.replace("/opt/", f"{tmp_path}/opt/").split()
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert said == "--flagfile=/etc/dragonfly/dragonfly.conf\n"


def test_without_a_checksum_nothing_is_fetched(mirror: tuple[str, Path], architecture: str, tmp_path: Path) -> None:
    address, folder = mirror
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(table.ArtifactError, match=r"has no checksum of dragonfly-.*nothing was installed. Give one"):
        source.fetch(entry(architecture), tmp_path / "cache", address)
    own = entry(architecture) | {"sha256": "0" * 64}
    with pytest.raises(table.ArtifactError, match=f"expected {'0' * 64}"):
        source.fetch(own, tmp_path / "cache", address)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
