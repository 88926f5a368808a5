#!/usr/bin/python3 -B
"""The folder of backups on the controller.

    backup_folder.py finish ROOT NAME        ROOT/.partial-NAME becomes ROOT/NAME, with manifest.json and SHA256SUMS
    backup_folder.py check ROOT NAME         every checksum, and every archive decrypted by the identity on standard
                                             input; prints the backup's name
    backup_folder.py prune ROOT KEEP         the newest KEEP whole backups stay
    backup_folder.py log ROOT STORE          the first segment of PostgreSQL's log that a kept backup of STORE needs

NAME may be `newest`. A backup is whole when it has its name: that is given last.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from cift_backup import BackupError, decrypted, sha256  # beside this program

USAGE = 3


def whole(root: Path) -> list[str]:
    """Return the names of the whole backups, the oldest first."""
    return sorted(one.name for one in root.glob("*") if one.name[0] != "." and (one / "SHA256SUMS").is_file())


def finish(root: Path, name: str) -> str:
    """Write the manifest and the checksums, and give the backup its name.

    Raises:
        BackupError: an archive is missing, or isn't what its host sent.
    """
    folder = root / f".partial-{name}"
    stores = {}
    for file in sorted(folder.glob("*/*.json")):
        row = json.loads(file.read_text())
        archive = file.with_suffix(".age")
        if not archive.is_file() or sha256(archive) != row["sha256"]:
            raise BackupError(f"{archive}: not what the host sent; the backup isn't kept")
        stores[f"{file.parent.name}/{file.stem}"] = row
        file.unlink()
    if not stores:
        raise BackupError(f"{folder}: holds no archive")
    (folder / "manifest.json").write_text(json.dumps({"name": name, "stores": stores}, indent=1, sort_keys=True))
    files = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != "SHA256SUMS")
    lines = "".join(f"{sha256(one)}  {one.relative_to(folder)}\n" for one in files)
    (folder / "SHA256SUMS").write_text(lines)
    os.sync()
    folder.rename(root / name)
    return name


def check(root: Path, name: str, identity: str) -> str:
    """Read all of a backup.

    Raises:
        BackupError: it isn't there, or something in it is damaged, missing, or for another key.
    """
    names = whole(root)
    if name == "newest" and names:
        name = names[-1]
    if name not in names:
        raise BackupError(f"{root}: found no backup {name}, expected one of {', '.join(names) or 'none yet'}")
    listed = {}
    for line in (root / name / "SHA256SUMS").read_text().splitlines():
        wanted, _, relative = line.partition("  ")
        listed[relative] = wanted
        file = root / name / relative
        if not file.is_file():
            raise BackupError(f"{file}: missing, SHA256SUMS lists it")
        if sha256(file) != wanted:
            raise BackupError(f"{file}: damaged, its checksum isn't that of SHA256SUMS")
    stores = json.loads((root / name / "manifest.json").read_text())["stores"] if "manifest.json" in listed else {}
    for store in stores:
        archive = root / name / f"{store}.age"
        if f"{store}.age" not in listed:
            raise BackupError(f"{archive}: not in SHA256SUMS")
        decrypted(archive, identity, lambda _: None)
    if not stores:
        raise BackupError(f"{root / name}: its manifest names no store")
    return name


def prune(root: Path, keep: int) -> str:
    """Remove whole backups but the newest, and what killed backups left; at least one stays."""
    gone = whole(root)[: -max(keep, 1)]
    for name in gone:
        hidden = root / f".partial-{name}"  # a removal that is killed doesn't look like a backup
        (root / name).rename(hidden)
    left = [one.name for one in root.glob(".partial-*")]
    for name in left:
        shutil.rmtree(root / name)
    return "\n".join(gone)


def log(root: Path, store: str) -> str:
    """Return where the oldest kept base backup's log begins; nothing if a kept one doesn't say."""
    manifests = [json.loads((root / name / "manifest.json").read_text())["stores"] for name in whole(root)]
    starts = [stores[store].get("wal_start", "") for stores in manifests if store in stores]
    # pg_archivecleanup compares without the timeline, the first 8 digits: after a return to a moment a newer one may
    # begin earlier in the log.
    return min(starts, key=lambda start: start[8:], default="")


def main() -> int:
    """Do what the arguments say."""
    words = sys.argv[1:]
    try:
        if len(words) == USAGE and words[0] == "finish":
            print(finish(Path(words[1]), words[2]))
        elif len(words) == USAGE and words[0] == "check":
            print(check(Path(words[1]), words[2], sys.stdin.read()))
        elif len(words) == USAGE and words[0] == "prune":
            print(prune(Path(words[1]), int(words[2])))
        elif len(words) == USAGE and words[0] == "log":
            print(log(Path(words[1]), words[2]))
        else:
            print(__doc__)
            return 0 if "--help" in words else 2
    except (BackupError, OSError, ValueError) as error:
        print(f"backup_folder: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
