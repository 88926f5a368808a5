"""Give a host back what it had: files, then what reads them, then live values, then units."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ansible.module_utils import before_watch as watch
from ansible.module_utils.before_store import Store, StoreError
from ansible.module_utils.before_watch import Run

GRUB = ("/etc/default/grub", "/etc/grub.d/")
SYSTEMD = "/etc/systemd/"
UNIT = re.compile(r"/etc/systemd/system/([^/@]+\.(?:service|timer|socket|path))")
OPTIONS = {"channels": "-L", "rings": "-G", "coalescing": "-C"}


class Restore:
    """One restore of the host below `root`; `problems` collects what it could not give back, in sentences."""

    def __init__(self, root: Path, store: Store, run: Run) -> None:
        self.root, self.store, self.run = root, store, run
        self.changed: list[str] = []
        self.problems: list[str] = []

    def all(self) -> None:
        """Restore everything; raises StoreError before the first change if a copy is damaged."""
        first = self.store.first()
        for entry in first["files"].values():
            if entry and entry["kind"] == "file":
                self.store.content(entry["sha256"])
        self._stop(first["files"])
        self._files(first["files"])
        self._reload()
        for section in OPTIONS:
            self._nics(first["values"], section)
        self._values(first["values"])
        self._units(first["units"])

    def _path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def _files(self, files: dict[str, Any]) -> None:
        # Parents before their children when made, after them when removed.
        for name in sorted(name for name, entry in files.items() if entry):
            if watch.entry(self._path(name)) != files[name]:
                self._put(name, files[name])
        for name in sorted((name for name, entry in files.items() if not entry), reverse=True):
            path = self._path(name)
            if path.is_symlink() or path.is_file():
                path.unlink()
                self.changed.append(name)
            elif path.is_dir():
                try:
                    path.rmdir()
                    self.changed.append(name)
                except OSError:
                    self.problems.append(f"{name} was not there, and now has files of others: it stays")

    def _stop(self, files: dict[str, Any]) -> None:
        """Stop the units that tuning brought, while systemd still knows them."""
        for name, entry in files.items():
            match = UNIT.fullmatch(name)
            if match and not entry and self._path(name).is_file() and not self._path(name).is_symlink():
                self._do(["systemctl", "stop", match[1]])

    def _put(self, name: str, entry: dict[str, Any]) -> None:
        path = self._path(name)
        if entry["kind"] == "directory":
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.before")
            draft.unlink(missing_ok=True)
            if entry["kind"] == "link":
                draft.symlink_to(entry["target"])
            else:
                draft.write_bytes(self.store.content(entry["sha256"]))
                draft.chmod(int(entry["mode"], 8))
            os.chown(draft, entry["uid"], entry["gid"], follow_symlinks=False)
            draft.replace(path)
        if entry["kind"] == "directory":
            os.chown(path, entry["uid"], entry["gid"])
            path.chmod(int(entry["mode"], 8))
        self.changed.append(name)

    def _reload(self) -> None:
        if any(name.startswith(SYSTEMD) for name in self.changed):
            self._do(["systemctl", "daemon-reexec" if self._touched("/etc/systemd/system.conf") else "daemon-reload"])
        if self._touched("/etc/udev/", "/etc/systemd/network/"):
            self._do(["udevadm", "control", "--reload"])
        if self._touched(*GRUB):
            self._do(["update-grub"])
            os.sync()

    def _touched(self, *starts: str) -> bool:
        return any(name.startswith(starts) for name in self.changed)

    def _nics(self, values: dict[str, str], section: str) -> None:
        present = set(watch.nics(self.root))
        for key, text in values.items():
            parts = key.split(":")
            if parts[0] != "nic" or parts[2] != section or parts[1] not in present:
                continue
            status, output, _ = self.run(["ethtool", watch.SECTIONS[section], parts[1]])
            if status == 0 and watch.ethtool(section, output).get(parts[3]) not in (None, text):
                self._do(["ethtool", OPTIONS[section], parts[1], parts[3], text], key)

    def _values(self, values: dict[str, str]) -> None:
        numbers = watch.irqs(self.root)
        for key, text in values.items():
            kind, _, name = key.partition(":")
            if kind == "sysctl":
                self._write(key, self._path("proc/sys") / name.translate(str.maketrans("./", "/.")), text)
            elif kind == "kernel":
                self._write(key, self._path(name), text)
            elif kind == "irq" and name in numbers:
                self._write(key, self._path(f"proc/irq/{numbers[name][0]}/smp_affinity_list"), text)

    def _write(self, key: str, path: Path, text: str) -> None:
        found = watch.read(path)
        if found is None or watch.chosen(" ".join(found.split())) == text:
            return
        try:
            path.write_text(text + "\n", encoding="utf-8")
            self.changed.append(key)
        except OSError as error:
            self.problems.append(f"{key}: the kernel refuses {text} ({error.strerror})")

    def _units(self, units: dict[str, str]) -> None:
        now = watch.units(self.run)
        for name, state in units.items():
            if name in now and now[name] != state:
                self._do(["systemctl", "start" if state == "active" else "stop", name], name)

    def _do(self, words: list[str], name: str = "") -> None:
        status, output, errors = self.run(words)
        if status == 0:
            self.changed.append(name or " ".join(words))
        else:
            said = (errors or output).strip().splitlines()
            self.problems.append(f"'{' '.join(words)}' failed ({status}): {said[-1] if said else 'no message'}")


def rows(root: Path, store: Store, run: Run) -> list[dict[str, Any]]:
    """Return a verify row for each thing that tuning changed: whether it is again as it was."""
    first = store.first()
    found = [
        _row(name, _text(entry), _text(watch.entry(root / name.lstrip("/"))), None)
        for name, entry in sorted(first["files"].items())
    ]
    now, active = watch.values(root, run), watch.units(run)
    for key, text in sorted(first["values"].items()):
        # What the hardware has no more (a queue's interrupt) can't be compared.
        row = _row(key, text, None, now.get(key))
        if row["verdict"] != "pass" and key.startswith("irq:") and active.get("irqbalance.service") == "active":
            row |= {"verdict": "skip", "why": "irqbalance, which is back, moves it by the load"}
        found.append(row)
    found += [_row(name, text, None, active.get(name)) for name, text in sorted(first["units"].items())]
    return found


def _row(setting: str, wanted: str, persistent: str | None, live: str | None) -> dict[str, Any]:
    value = persistent if persistent is not None else live
    verdict = "skip" if value is None else "pass" if value == wanted else "reboot" if live else "fail"
    why = {
        "skip": "it is no longer there",
        "reboot": "the kernel gives it back at its next boot",
        "fail": "a rollback gives back what was there before the first run",
        "pass": "as it was before the first run",
    }[verdict]
    return {"area": "before", "setting": setting, "wanted": wanted, "persistent": persistent, "live": live,
            "verdict": verdict, "why": why, "source": f"/{'var/lib/cift/before'}"}  # fmt: skip


def _text(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "absent"
    what = entry.get("target") or str(entry.get("sha256", ""))[:12]
    return " ".join(part for part in (entry["kind"], entry["mode"], f"{entry['uid']}:{entry['gid']}", what) if part)


__all__ = ["Restore", "StoreError", "rows"]
