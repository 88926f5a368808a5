"""The copy of what a host had: opened before tuning, closed after it, and restored from.

A run's window holds everything that is watched; closing it keeps only what the run changed, and of that the first
value ever seen. So what others changed in between is left alone by a restore. Files lie under the digest of their
content, which is checked before they are used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.before_watch import Snapshot

PLACE = "var/lib/cift/before"
PARTS = ("files", "values", "units")


class StoreError(Exception):
    """The copy on the host can't be used; the message is a sentence."""


class Store:
    """The copy below `root`/var/lib/cift/before, readable by root alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / PLACE
        self._window = self.folder / "window.json"
        self._first = self.folder / "first.json"

    def is_open(self) -> bool:
        """Whether a run began and hasn't ended."""
        return self._window.exists()

    def first(self) -> Snapshot:
        """Return the first value of all that tuning ever changed; None stands for what was not there."""
        return self._load(self._first) if self._first.exists() else {part: {} for part in PARTS}

    def open(self, now: Snapshot) -> bool:
        """Begin a run, unless one that was interrupted is still open; returns whether it was begun."""
        if self.is_open():
            return False
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        objects = self.folder / "objects"
        objects.mkdir(exist_ok=True)
        for path, entry in now["files"].items():
            if entry and entry["kind"] == "file" and not (objects / entry["sha256"]).exists():
                _write(objects / entry["sha256"], (self.root / path.lstrip("/")).read_bytes())
        self._save(self._window, now)
        return True

    def close(self, now: Snapshot) -> dict[str, list[str]]:
        """End a run: remember the first value of what it changed; returns what it newly changed."""
        if not self.is_open():
            return {part: [] for part in PARTS}
        window, first = self._load(self._window), self.first()
        changed = {}
        for part in PARTS:
            keys = sorted(set(window[part]) | set(now[part]))
            changed[part] = [
                key
                for key in keys
                if window[part].get(key) != now[part].get(key) and key not in first[part] and _kept(part, key, window)
            ]
            first[part].update({key: window[part].get(key) for key in changed[part]})
        self._save(self._first, first)
        self._window.unlink()
        self._sweep(first)
        return changed

    def content(self, digest: str) -> bytes:
        """Return a file's content; raises StoreError if it is not what its name says."""
        path = self.folder / "objects" / digest
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise StoreError(f"{path} is gone: the file that it was a copy of can't be restored") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(f"{path} was changed: its content has another digest than its name; nothing was restored")
        return data

    def forget(self) -> None:
        """Put the copy aside once everything is restored; the one before it goes."""
        if self._first.exists():
            old = self.folder.with_name("before.restored")
            shutil.rmtree(old, ignore_errors=True)
            self.folder.rename(old)

    def _sweep(self, first: Snapshot) -> None:
        used = {entry["sha256"] for entry in first["files"].values() if entry and entry["kind"] == "file"}
        for path in (self.folder / "objects").iterdir():
            if path.name not in used:
                path.unlink()

    def _save(self, path: Path, data: Snapshot) -> None:
        text = json.dumps(data, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        _write(path, json.dumps({"sha256": digest, "data": text}).encode())

    def _load(self, path: Path) -> Snapshot:
        try:
            outer: dict[str, Any] = json.loads(path.read_bytes())
            if hashlib.sha256(outer["data"].encode()).hexdigest() != outer["sha256"]:
                raise ValueError("its checksum is wrong")
            data: Snapshot = json.loads(outer["data"])
            return {part: data[part] for part in PARTS}
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} can't be used ({error}); restore the host's files from your backup") from error


def _kept(part: str, key: str, window: Snapshot) -> bool:
    """Only a value that was there can be given back; a new interrupt or a new unit's state can't."""
    return part == "files" or key in window[part]


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
