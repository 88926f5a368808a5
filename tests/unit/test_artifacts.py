"""Artifacts without a checksum in the table, mirrors, and the command `cift artifacts`."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cift.ops.artifacts import cli, mirror
from cift.ops.artifacts.table import read_items
from cift.ops.rooms import room

ArtifactError = room("artifact", "artifact_table").ArtifactError
source = room("artifact", "artifact_source")
ROOT = Path(__file__).parents[2]
CONTENT = b"a program\n" * 1000
DIGITS = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder in silence; a file named `short` ends before its announced length."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file, or half of it."""
        content = source.read()
        outputfile.write(content[: len(content) // 2] if "short" in self.path else content)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A publisher's site on loopback: its address and its folder, with one file, `tool-1.0.tar.gz`."""
    folder = tmp_path / "publisher"
    folder.mkdir()
    (folder / "tool-1.0.tar.gz").write_bytes(CONTENT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()


def item(address: str, form: str, lists: str) -> dict[str, Any]:
    return {
        "name": "tool",
        "version": "1.0",
        "architecture": "x86_64",
        "kind": "archive",
        "address": address + "/tool-{version}.tar.gz",
        "checksums": {"address": f"{address}/{lists}", "format": form},
    }


def publish(folder: Path, form: str, digits: str) -> str:
    """Write the publisher's list; returns its name."""
    if form == "github":
        (folder / "release").write_text(
            json.dumps({"assets": [{"name": "tool-1.0.tar.gz", "digest": f"sha256:{digits}"}]})
        )
        return "release"
    (folder / "sums").write_text(f"{digits} *tool-1.0.tar.gz\n{'0' * 64}  other\n")
    return "sums"


@pytest.mark.parametrize("form", ["github", "sha256sum"])
def test_the_publishers_list_is_asked_once(publisher: tuple[str, Path], tmp_path: Path, form: str) -> None:
    address, folder = publisher
    lists = publish(folder, form, DIGITS)
    path, fresh = source.fetch(item(address, form, lists), tmp_path / "cache", "")
    assert fresh
    assert path.read_bytes() == CONTENT
    # A publisher that changes a published file is not believed any more.
    path.unlink()
    (folder / "tool-1.0.tar.gz").write_bytes(CONTENT + b"!")
    publish(folder, form, hashlib.sha256(CONTENT + b"!").hexdigest())
    with pytest.raises(ArtifactError, match=f"expected {DIGITS} \\(.*published/tool-1.0-x86_64"):
        source.fetch(item(address, form, lists), tmp_path / "cache", "")


def test_a_file_that_its_publishers_list_contradicts(publisher: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = publisher
    lists = publish(folder, "github", "1" * 64)
    with pytest.raises(ArtifactError, match=f"expected {'1' * 64}.*release.*nothing was installed"):
        source.fetch(item(address, "github", lists), tmp_path / "cache", "")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("text", ["not json", "[]", '{"assets": [{"name": "tool-1.0.tar.gz", "digest": null}]}'])
def test_a_list_without_the_file(publisher: tuple[str, Path], tmp_path: Path, text: str) -> None:
    address, folder = publisher
    (folder / "release").write_text(text)
    with pytest.raises(ArtifactError, match=r"has no checksum of tool-1.0.tar.gz.*artifact_overrides"):
        source.fetch(item(address, "github", "release"), tmp_path / "cache", "")


def test_a_file_cut_short(publisher: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = publisher
    (folder / "short.tar.gz").write_bytes(CONTENT)
    with pytest.raises(ArtifactError, match=r"found \d+ bytes, expected the 10000 that it announced"):
        source.download(f"{address}/short.tar.gz", tmp_path)


def test_a_client_that_the_builder_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    jar = {"name": "tool", "kind": "maven", "package": "org.tool:tool", "version": "1", "architecture": "x86_64"}
    with pytest.raises(ArtifactError, match="mvn is not installed on the builder"):
        source.fetch(jar | {"sha256": DIGITS}, tmp_path / "cache", "")


def test_a_mirror_is_filled_and_serves_what_the_table_does_not_know(
    publisher: tuple[str, Path], tmp_path: Path
) -> None:
    address, folder = publisher
    unknown = item(address, "github", publish(folder, "github", DIGITS))
    into = tmp_path / "mirror"
    into.mkdir()
    assert mirror.fetch(dict(unknown), into, lambda done, total: None) == (into / "tool-1.0.tar.gz", True)
    assert mirror.fetch(dict(unknown), into, lambda done, total: None) == (into / "tool-1.0.tar.gz", False)
    assert mirror.problem(unknown, into) is None
    assert sorted(path.name for path in into.iterdir()) == ["SHA256SUMS", "tool-1.0.tar.gz"]
    # A site without internet: nothing but its mirror answers.
    offline = item("https://nowhere.invalid", "github", "release")
    path, _ = source.fetch(offline, tmp_path / "cache", into.as_uri())
    assert path.read_bytes() == CONTENT
    (into / "tool-1.0.tar.gz").write_bytes(b"")
    assert "remove it and fetch it again" in str(mirror.problem(unknown, into))
    (into / "tool-1.0.tar.gz").unlink()
    assert "missing" in str(mirror.problem(unknown, into))


def test_the_command_lists_everything() -> None:
    done = CliRunner().invoke(cli.app, ["list", "--json"])
    assert done.exit_code == 0
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} == {entry["name"] for entry in read_items(ROOT)}
    assert all(row["licence"] and row["source"] and row["sha256"] for row in rows)
    assert CliRunner().invoke(cli.app, ["list"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["list", "kafka"], "artifact 'kafka' is unknown; expected one of"),
        (["fetch", "-a", "riscv64"], "architecture 'riscv64' is unknown"),
        (["fetch", "-f", "/dev/null/here"], "expected a folder that can be written"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(arguments: list[str], problem: str) -> None:
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 2
    assert problem in done.stderr


def test_the_command_fails_at_an_incomplete_mirror(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["verify", "-f", str(tmp_path)])
    assert done.exit_code == 1
    assert "nats-server 2.15.1 x86_64: missing" in done.stdout
