"""The room `setting`: tables read back in one call, with verdicts that tell a wrong setting from a pending reboot."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import ansible.module_utils
import pytest

ROOM = Path(__file__).parents[2] / "roles/setting"
ansible.module_utils.__path__.append(str(ROOM / "module_utils"))

from ansible.module_utils import setting_checks, setting_rows  # noqa: E402


def verdict(check: dict[str, object]) -> str:
    setting_rows.validate([check])
    (row,) = setting_checks.READERS[str(check["kind"])](check)
    return str(row["verdict"])


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"kind": "colour"}, "expected one of clock, command"),
        ({"kind": "file"}, "a file check needs path"),
        ({"kind": "listen", "port": 1, "adress": "x"}, "unknown key adress, expected address"),
        ({}, "kind is None"),
    ],
)
def test_a_check_that_cannot_be_read_is_named(check: dict[str, object], expected: str) -> None:
    with pytest.raises(setting_rows.BadCheckError, match=expected):
        setting_rows.validate([{"kind": "package", "name": "x"}, {**check, "setting": "the second"}])
    with pytest.raises(setting_rows.BadCheckError, match=r"check 1 \(colour\)"):
        setting_rows.validate([{"kind": "colour"}])


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "settings.conf"
        path.write_text("one = 1\ntwo = 2\n")
        path.chmod(0o640)
        return path

    def test_right_in_every_way(self, path: Path) -> None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        owner = {"owner": "root", "group": "root"} if os.getuid() == 0 else {}
        check = {"kind": "file", "path": str(path), "mode": "0640", "sha256": digest, "contains": ["one = 1", "two"]}
        assert verdict(check | owner) == "pass"

    @pytest.mark.parametrize(
        "wrong",
        [{"mode": "0600"}, {"sha256": "0" * 64}, {"contains": "three"}, {"type": "directory"}, {"owner": "nobody"}],
    )
    def test_wrong_in_one_way(self, path: Path, wrong: dict[str, str]) -> None:
        assert verdict({"kind": "file", "path": str(path), **wrong}) == "fail"

    def test_missing_and_absent(self, tmp_path: Path) -> None:
        missing = {"kind": "file", "path": str(tmp_path / "nothing")}
        assert verdict(missing) == "fail"
        assert verdict(missing | {"absent": True}) == "pass"
        assert verdict({"kind": "file", "path": str(tmp_path), "absent": True}) == "fail"

    def test_links(self, path: Path) -> None:
        link = path.with_name("current")
        link.symlink_to("releases/7")  # dangling on purpose: the link itself is what is read
        assert verdict({"kind": "file", "path": str(link), "target": "releases/7"}) == "pass"
        assert verdict({"kind": "file", "path": str(link), "target": "releases/8"}) == "fail"


def test_listen_wants_the_address_and_no_other() -> None:
    with socket.socket() as loopback, socket.socket() as everywhere:
        for server, address in ((loopback, "127.0.0.1"), (everywhere, "0.0.0.0")):
            server.bind((address, 0))
            server.listen()
        port = loopback.getsockname()[1]
        assert verdict({"kind": "listen", "port": port}) == "pass"
        assert verdict({"kind": "listen", "port": port, "address": "127.0.0.1"}) == "pass"
        open_port = everywhere.getsockname()[1]
        assert verdict({"kind": "listen", "port": open_port, "address": "127.0.0.1"}) == "fail"
    assert verdict({"kind": "listen", "port": port}) == "fail"


class TestHttp:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/good" else 503)
                self.send_header("X-Key", self.headers.get("X-Asked", ""))
                self.end_headers()
                self.wfile.write(b'{"state": "up"}')

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()

    def test_status_text_and_headers(self, url: str) -> None:
        good = {"kind": "http", "url": f"{url}/good"}
        assert verdict(good | {"contains": '"up"'}) == "pass"
        assert verdict(good | {"request_headers": {"X-Asked": "yes"}, "headers": {"X-Key": "yes"}}) == "pass"
        assert verdict(good | {"headers": {"X-Key": "yes"}}) == "fail"
        assert verdict(good | {"contains": '"down"'}) == "fail"
        assert verdict({"kind": "http", "url": f"{url}/bad"}) == "fail"
        assert verdict({"kind": "http", "url": f"{url}/bad", "status": 503}) == "pass"

    def test_nobody_there(self) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert verdict({"kind": "http", "url": url}) == "fail"


class TestClock:
    """`chronyc -c tracking` prints 14 fields; the fifth is the offset in seconds."""

    LINE = "A9FEA97B,169.254.169.123,4,1764098324.1,{offset},0.000000116,0.0000087,-4.8,0.0,0.03,0.0004,0.0003,1,{leap}"

    def read(self, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
        answer = subprocess.CompletedProcess([], 0, text, "")
        monkeypatch.setattr(setting_checks, "_run", lambda *_, **__: answer)
        monkeypatch.setattr(setting_checks.Machine, "container", lambda self: None)
        return verdict({"kind": "clock", "limit_us": 100})

    def test_offset_and_source(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.read(monkeypatch, self.LINE.format(offset="-0.000007", leap="Normal")) == "pass"
        assert self.read(monkeypatch, self.LINE.format(offset="-0.000700", leap="Normal")) == "fail"
        assert self.read(monkeypatch, self.LINE.format(offset="0.0", leap="Not synchronised")) == "fail"
        assert self.read(monkeypatch, "506 Cannot talk to daemon") == "fail"

    def test_a_host_that_has_just_booted_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def run(argv: list[str], timeout: float = 30) -> subprocess.CompletedProcess[str]:
            leap = "Normal" if "waitsync" in asked else "Not synchronised"
            asked.append(next(word for word in argv[1:] if word != "-c"))
            return subprocess.CompletedProcess(argv, 0, self.LINE.format(offset="0.0", leap=leap), "")

        monkeypatch.setattr(setting_checks, "_run", run)
        monkeypatch.setattr(setting_checks.Machine, "container", lambda self: None)
        assert verdict({"kind": "clock", "limit_us": 100}) == "pass"
        assert asked == ["tracking", "waitsync", "tracking"]


def test_the_file_system_that_a_path_lies_on(tmp_path: Path) -> None:
    asked = ["findmnt", "-no", "FSTYPE", "--target", str(tmp_path)]
    kind = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    assert verdict({"kind": "filesystem", "path": str(tmp_path), "types": ["nfs", kind]}) == "pass"
    assert verdict({"kind": "filesystem", "path": str(tmp_path), "types": ["nfs"]}) == "fail"


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("oneshot", "inactive", "pass"),
        ("oneshot", "activating", "pass"),
        ("oneshot", "failed", "fail"),
        ("simple", "activating", "fail"),
        ("simple", "active", "fail"),
    ],
)
def test_what_a_timer_starts_may_be_at_work(
    kind: str, state: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = f"LoadState=loaded\nActiveState={state}\nUnitFileState=static\nConditionResult=yes\nType={kind}\n"
    monkeypatch.setattr(setting_checks, "_run", lambda argv: subprocess.CompletedProcess(argv, 0, shown, ""))
    assert verdict({"kind": "unit", "unit": "look.service", "active": False}) == expected


def test_a_program_of_ours_prints_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = [{"setting": "x", "wanted": 1, "persistent": None, "live": 2, "verdict": "fail", "why": "", "source": ""}]
    (tmp_path / "rows.json").write_text(json.dumps(printed))
    check = {"kind": "rows", "argv": ["cat", str(tmp_path / "rows.json")], "skip_in_container": "it is the machine's"}
    monkeypatch.setattr(setting_checks.Machine, "container", lambda self: None)
    assert setting_checks.check_rows(check) == printed
    assert verdict(check | {"argv": ["cat", str(tmp_path / "nothing")]}) == "fail"
    monkeypatch.setattr(setting_checks.Machine, "container", lambda self: "docker")
    assert verdict(check) == "skip"


class TestCommand:
    def test_status_and_output(self) -> None:
        assert verdict({"kind": "command", "argv": ["echo", "hello"], "contains": "hell"}) == "pass"
        assert verdict({"kind": "command", "argv": ["echo", "hello"], "contains": ["hell", "heaven"]}) == "fail"
        assert verdict({"kind": "command", "argv": ["false"], "rc": 1}) == "pass"
        assert verdict({"kind": "command", "argv": ["no-such-program"]}) == "fail"
        assert verdict({"kind": "command", "argv": ["sleep", "9"], "timeout": 0.05}) == "fail"

    def test_secrets_come_by_the_environment_and_never_reach_the_row(self, tmp_path: Path) -> None:
        secrets = tmp_path / "service.env"
        secrets.write_text("# comment\nCIFT_TEST_PASSWORD='open sesame'\n")
        check = {"kind": "command", "argv": ["sh", "-c", 'test "$CIFT_TEST_PASSWORD" = "open sesame"']}
        (row,) = setting_checks.check_command(check | {"environment_file": str(secrets)})
        assert row["verdict"] == "pass"
        assert "sesame" not in str({key: row[key] for key in ("wanted", "live", "persistent")})
