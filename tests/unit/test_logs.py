"""Lines of the log: one JSON object each for machines, words for people."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cift.core import logs
from cift.core.correlation import Origin, serve


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    serve(Origin())


def test_a_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("engine", form="json")
    serve(Origin("of-the-request"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("engine").exception(
            'command %d: "%s"',
            7,
            "x\ny",
            extra={"seq": 7, "symbol": "AAPL", "order_ids": [7, 3], "correlation_id": "c"},
        )
    logging.getLogger("engine").info("ready")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["time"].endswith("+00:00")
    assert "ValueError: two\nlines" in first["exception"]
    assert {name: first[name] for name in ("level", "service", "logger", "message")} == {
        "level": "error",
        "service": "engine",
        "logger": "engine",
        "message": 'command 7: "x\ny"',
    }
    assert (first["seq"], first["symbol"], first["order_ids"], first["correlation_id"]) == (7, "AAPL", [7, 3], "c")
    assert (second["message"], second["correlation_id"]) == ("ready", "of-the-request")


def test_words_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("engine", form="text", level="debug")
    log = logging.getLogger("engine")
    log.info("ready")
    log.debug("command 7: accepted", extra={"seq": 7, "correlation_id": "c"})
    assert capsys.readouterr().err == "INFO ready\nDEBUG command 7: accepted [correlation_id=c seq=7]\n"


def test_the_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("engine", form="text", level="warning")
    logging.getLogger("engine").info("ready")
    logging.getLogger("nats").error("a library's own")
    assert capsys.readouterr().err == ""


def test_a_programs_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("engine", form="text")
    logs.complain("engine", "no stream")
    logs.configure("engine", form="json")
    logs.complain("engine", "no stream")
    words, line = capsys.readouterr().err.splitlines()
    assert words == "engine: no stream"
    assert (json.loads(line)["level"], json.loads(line)["message"]) == ("critical", "no stream")


@pytest.mark.parametrize("to_journal", [True, False])
def test_what_the_journal_reads_is_json(to_journal: bool, tmp_path: Path) -> None:
    """systemd names the stream that it reads by device and inode."""
    said = tmp_path / "said"
    with said.open("wb") as stream:
        status = os.fstat(stream.fileno())
        inode = status.st_ino if to_journal else status.st_ino + 1
        program = "import logging; from cift.core import logs; logs.configure('feed'); logging.info('ready')"
        own = {"JOURNAL_STREAM": f"{status.st_dev}:{inode}"}
        subprocess.run([sys.executable, "-c", program], env=os.environ | own, stderr=stream, check=True)
    if to_journal:
        assert json.loads(said.read_text())["service"] == "feed"
    else:
        assert said.read_text() == "INFO ready\n"
