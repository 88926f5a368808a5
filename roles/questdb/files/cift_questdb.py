#!/usr/bin/python3
"""Ask the running QuestDB what it does, with the password of its own configuration.

    cift-questdb wait --conf /var/lib/questdb/conf/server.conf --seconds 300
    cift-questdb verify --conf FILE --unit questdb.service --java 17 --tables book_top,trades
    cift-questdb ask --conf FILE 'SELECT count() FROM trades'

`wait` ends with status 0 as soon as the server is healthy, and with 1 and a sentence when it isn't in time. `verify`
prints rows as JSON. `ask` prints what a statement returns, a row a line.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT_S = 10.0
SOURCE = "https://questdb.com/docs/configuration/overview/"


def settings(path: Path) -> dict[str, str]:
    """Return the lines of server.conf by name."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def get(url: str, sign_in: str = "") -> str:
    """Return what an address answers; raises OSError for nobody there or a refusal, with its reason."""
    headers = {"Authorization": "Basic " + base64.b64encode(sign_in.encode()).decode()} if sign_in else {}
    # Not an environment's proxy: it is this host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as answer:  # noqa: S310
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
        reason = json.loads(text).get("error", text) if text.startswith("{") else error.reason
        raise OSError(f"{error.code} {reason}") from None


def ask(conf: dict[str, str], sql: str) -> list[list[Any]]:
    """Return the rows of a statement."""
    url = f"http://{conf['http.net.bind.to']}/exec?{urllib.parse.urlencode({'query': sql})}"
    return list(json.loads(get(url, f"{conf['http.user']}:{conf['http.password']}")).get("dataset", []))


def wait(conf: dict[str, str], seconds: float) -> str:
    """Return an empty text when the server is healthy in time, or the sentence that says why not."""
    url, end = f"http://{conf['http.min.net.bind.to']}/status", time.monotonic() + seconds
    while True:
        try:
            get(url)
        except OSError as error:
            if time.monotonic() > end:
                return f"{url}: found {error}, expected an answer within {seconds:g} s; see journalctl -u questdb"
            time.sleep(0.2)
        else:
            return ""


def row(setting: str, wanted: str, live: str, good: bool, why: str) -> dict[str, Any]:
    """Return a row of the report."""
    verdict = "pass" if good else "fail"
    return {"setting": setting, "wanted": wanted, "persistent": None, "live": live, "verdict": verdict, "why": why,
            "source": SOURCE}  # fmt: skip


def row_of_java(unit: str, least: int) -> dict[str, Any]:
    """The Java that the running server has."""
    command = ["systemctl", "show", "--property=MainPID", "--value", unit]
    pid = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    live, version = "not running", 0
    if pid != "0":
        program = str(Path("/proc", pid, "exe").readlink())
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
        found = re.search(r'version "(\d+)[^"]*"', said)
        live, version = (found[0], int(found[1])) if found else (said, 0)
    return row("Java of QuestDB", f"{least} or newer", live, version >= least, "an older one can't read its classes")


def row_of_tables(conf: dict[str, str], tables: list[str]) -> dict[str, Any]:
    """The tables that the recorder feeds: there, with keys, days that go by themselves, and none suspended."""
    sql = (
        "SELECT t.table_name, t.dedup, t.ttlValue, w.suspended FROM tables() t JOIN wal_tables() w "
        "ON t.table_name = w.name ORDER BY 1"
    )
    try:
        found = [(name, dedup, ttl > 0, suspended) for name, dedup, ttl, suspended in ask(conf, sql)]
    except OSError as error:
        return row("tables of QuestDB", ", ".join(tables), str(error), False, "the recorder makes none by itself")
    good = {name for name, dedup, ttl, suspended in found if dedup and ttl and not suspended}
    live = ", ".join(
        name + ("" if dedup else " without keys") + ("" if ttl else " for ever") + (" suspended" if suspended else "")
        for name, dedup, ttl, suspended in found
    )
    why = "keys make a row that comes twice one row, and a suspended table shows nothing new"
    return row("tables of QuestDB", ", ".join(tables), live or "none", set(tables) <= good, why)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["wait", "verify", "ask"])
    parser.add_argument("sql", nargs="?", default="")
    parser.add_argument("--conf", required=True, type=Path, help="the server's configuration")
    parser.add_argument("--seconds", default=60.0, type=float)
    parser.add_argument("--unit", default="questdb.service")
    parser.add_argument("--java", default=17, type=int)
    parser.add_argument("--tables", default="", type=lambda text: text.split(","))
    arguments = parser.parse_args()
    try:
        conf = settings(arguments.conf)
        if arguments.verb == "wait":
            sys.exit(wait(conf, arguments.seconds) or 0)
        if arguments.verb == "ask":
            sys.stdout.writelines(json.dumps(found) + "\n" for found in ask(conf, arguments.sql))
        else:
            rows = [row_of_java(arguments.unit, arguments.java), row_of_tables(conf, arguments.tables)]
            print(json.dumps(rows))
    except OSError as error:
        sys.exit(f"cift-questdb {arguments.verb}: {error}")


if __name__ == "__main__":
    main()
