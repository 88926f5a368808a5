"""QuestDB: its tables' folder between CHECKPOINT CREATE and RELEASE, which keep what a copy needs and stop nobody.
`url`, `user`, `password`, and `data`, the folder `db` in the server's root: the checkpoint lies beside it."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any, BinaryIO

OFFLINE = True
CHECKPOINT, TRIGGER = ".checkpoint", "_restore"
APPLIED_S = 120.0
FULL, ROOM_S = 429, 60.0
CHANGED = 1  # tar's status when a file grew or went while it was read: rows that came after the checkpoint


def _ask(order: dict[str, Any], path: str, sql: str) -> http.client.HTTPResponse:
    """Ask until there is room: a small server exports to one at a time, and counts one until it has seen it go."""
    where = urllib.parse.urlsplit(order["url"])
    key = base64.b64encode(f"{order['user']}:{order['password']}".encode()).decode()
    target = f"{path}?{urllib.parse.urlencode({'query': sql})}"
    deadline = time.monotonic() + ROOM_S
    while True:
        link = http.client.HTTPConnection(where.hostname or "", where.port, timeout=3600)
        link.request("GET", target, headers={"Authorization": f"Basic {key}"})
        answer = link.getresponse()
        if answer.status == 200:
            return answer
        problem = answer.read().decode(errors="replace").strip()[:500]
        link.close()
        if answer.status != FULL or time.monotonic() > deadline:
            raise OSError(f"QuestDB: {sql}: {answer.status} {problem}")
        time.sleep(0.1)


def _rows(order: dict[str, Any], sql: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(_ask(order, "/exp", sql).read().decode())))[1:]


def _wait_applied(order: dict[str, Any]) -> None:
    """Wait until the tables show every row that was acknowledged up to now; a suspended one never does."""
    sql = "SELECT name, writerTxn, sequencerTxn FROM wal_tables() WHERE NOT suspended"
    wanted = {name: int(accepted) for name, _, accepted in _rows(order, sql)}
    deadline = time.monotonic() + APPLIED_S
    while late := [name for name, applied, _ in _rows(order, sql) if int(applied) < wanted.get(name, 0)]:
        if time.monotonic() > deadline:
            raise OSError(f"QuestDB: {', '.join(late)}: not all of the log applied within {APPLIED_S:g} s")
        time.sleep(0.1)


def count(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return rows and a hash of every table."""
    _wait_applied(order)
    found = {}
    for (name,) in _rows(order, "SELECT table_name FROM tables() ORDER BY 1"):
        if name.startswith(("sys.", "telemetry")):
            continue
        digest, answer = hashlib.sha256(), _ask(order, "/exp", f'SELECT * FROM "{name}"')  # noqa: S608
        while block := answer.read(1 << 20):
            digest.update(block)
        ((rows,),) = _rows(order, f'SELECT count() FROM "{name}"')  # noqa: S608
        found[name] = {"rows": int(rows), "hash": digest.hexdigest()}
    return found


def save(order: dict[str, Any], out: BinaryIO) -> None:
    """Write the folder and its checkpoint as one tar."""
    data = Path(order["data"])
    _ask(order, "/exec", "CHECKPOINT RELEASE").read()  # what a killed backup left
    try:
        _ask(order, "/exec", "CHECKPOINT CREATE").read()
        if not (data.parent / CHECKPOINT).is_dir():
            raise OSError(f"{data.parent / CHECKPOINT}: missing, expected QuestDB 8.2 or newer to make it")
        # The checkpoint first: it is what the rest is read by.
        command = ["tar", "-c", "-C", str(data.parent), "--", CHECKPOINT, data.name]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, CHANGED):
            raise OSError(f"tar: {done.stderr.decode().strip()[-500:]}")
    finally:
        _ask(order, "/exec", "CHECKPOINT RELEASE").read()


def load(order: dict[str, Any], source: BinaryIO) -> None:
    """Unpack both, with the folder's owner, and have the server return to the checkpoint when it starts."""
    data = Path(order["data"])
    owner, root = data.stat(), data.parent
    clean(order)
    subprocess.run(["tar", "-x", "-C", str(root)], stdin=source, check=True)
    (root / TRIGGER).touch()
    paths = [root / TRIGGER, *(path for top in (data, root / CHECKPOINT) for path in (top, *top.rglob("*")))]
    for path in paths:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def clean(order: dict[str, Any]) -> None:
    """Remove what would have the server read the old folder by another one's checkpoint."""
    root = Path(order["data"]).parent
    (root / TRIGGER).unlink(missing_ok=True)
    shutil.rmtree(root / CHECKPOINT, ignore_errors=True)
